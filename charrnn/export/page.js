// Part of charrnn (Apache-2.0): the page around runtime.js, which shows what the model reads and writes.
'use strict'

const $ = id => document.getElementById(id)
const facts = JSON.parse($('facts').textContent)
const model = new Model(facts.model, Uint8Array.from(atob($('weights').textContent), char => char.charCodeAt(0)))
const vocabulary = vocabularyOf(facts.vocabulary)

const SLICE = 14, PAUSE = 100                                     // milliseconds between two paints: of the text, of the rest
const BARS = 10
const MOST = Math.min(20000, Math.floor(128e6 / (4 * model.zero.length)))   // cells; their states take 128 MB at most

// The text is a list of cells (see runtime.js). The first `scored` have been read, and have nats and a state. A cell
// never changes, so the texts of Undo share cells with this one, and so do the continuations.
let cells = [], spans = [], scored = 0
let writers = []                                                  // texts being drawn: {draw, fresh, add, end}
let waiting = ''                                                  // the button that waits until all of the text is read
let continuations = []                                            // three ways to go on: {cells, spans}
let edit = 0                                                      // the time of the last key
const earlier = []                                                // lists of cells for Undo

const area = $('text'), colours = $('colours'), lastLine = document.createTextNode('\u200b')
colours.append(lastLine)                                          // so that a line break at the end has its line
area.maxLength = MOST

const stateBefore = index => index ? cells[index - 1].state : null
const textOf = some => some.map(cell => cell.text).join('')
const bits = nats => nats / Math.LN2
const say = text => { $('status').textContent = text }

function element (kind, name = '', text = '') {
  const found = document.createElement(kind)
  found.className = name
  found.textContent = text
  return found
}

// ---- changes of the text --------------------------------------------------------------------------------------------

// Put other cells in the place of those from `from` to `to`. What follows has to be read again; new cells that have a
// state were drawn after the cells before them, and count as read.
function replace (from, to, fresh) {
  const following = spans[to] || lastLine, added = fresh.map(spanOf)
  for (const span of spans.slice(from, to)) span.remove()
  for (const span of added) colours.insertBefore(span, following)
  cells = [...cells.slice(0, from), ...fresh, ...cells.slice(to).map(unread)]
  spans = [...spans.slice(0, from), ...added, ...spans.slice(to)]
  scored = Math.min(scored, from)
  while (scored < cells.length && cells[scored].state) scored++
}

const unread = ({text, symbols, known}) => ({text, symbols, known})

// The reader has typed, pasted or deleted something.
function edited () {
  const value = area.value
  let from = 0, begin = 0, to = cells.length, end = value.length
  while (from < to && value.startsWith(cells[from].text, begin)) begin += cells[from++].text.length
  while (to > from && end - cells[to - 1].text.length >= begin && value.slice(0, end).endsWith(cells[to - 1].text)) {
    end -= cells[--to].text.length
  }
  stop()
  if (performance.now() - edit > 1000) remember()
  edit = performance.now()
  replace(from, to, vocabulary.cells(value.slice(begin, end)))
  work()
}

function remember () {
  earlier.push(cells)
  if (earlier.length > 50) earlier.shift()
}

// Show another text, with the caret after its cell number `at`.
function show (list, at = list.length) {
  stop()
  let from = 0
  while (from < cells.length && cells[from] === list[from]) from++
  replace(from, cells.length, list.slice(from))
  area.value = textOf(cells)
  const place = textOf(cells.slice(0, at)).length
  area.setSelectionRange(place, place)
  edit = 0
  work()
}

// Add drawn cells at the end; the caret and the view go with them if they are at the end.
function append (fresh) {
  const sheet = $('sheet'), size = area.value.length
  const follows = area.selectionStart === size && area.selectionEnd === size
  const isLow = sheet.scrollHeight - sheet.scrollTop - sheet.clientHeight < 40
  replace(cells.length, cells.length, fresh)
  area.setRangeText(textOf(fresh), size, size, follows ? 'end' : 'preserve')
  if (isLow) sheet.scrollTop = sheet.scrollHeight
}

// The number of cells before the caret.
function caret () {
  let index = 0
  for (let at = area.selectionEnd; index < cells.length && at >= cells[index].text.length; index++) {
    at -= cells[index].text.length
  }
  return index
}

// ---- work: a slice of reading or writing, a paint, the next slice ---------------------------------------------------

let isPlanned = false, isOpened = false, painted = 0, ended = 0

function work () {
  const began = performance.now(), paused = Math.min(60, began - ended)   // the browser has painted for so long
  while (step() && performance.now() < began + Math.max(SLICE, paused));
  for (const writer of writers) flush(writer)
  const isBusy = scored < cells.length || writers.length > 0
  if (!isBusy || performance.now() - painted > PAUSE) paint()
  if (!isOpened && scored === cells.length) open()
  if (isBusy && !isPlanned) {
    isPlanned = true
    setTimeout(() => { isPlanned = false; work() })
  }
  ended = performance.now()
}

// The first text has been read: order the units by it.
function open () {
  isOpened = true
  sortUnits()
  chooseUnit(unit.order[0], false)
}

// Read one cell, or draw one symbol of each text that is being drawn; false if there is nothing to do.
function step () {
  if (scored < cells.length) {
    cells[scored] = read(model, stateBefore(scored), cells[scored])
    dress(spans[scored], cells[scored])
    scored++
    return true
  }
  if (waiting) begin()
  for (const writer of writers.slice()) {
    const {value, done} = writer.draw.next()
    if (!done) writer.fresh.push(...value)
    else {
      flush(writer)
      writers = writers.filter(other => other !== writer)
      writer.end()
    }
  }
  return writers.length > 0
}

function flush (writer) {
  if (writer.fresh.length) writer.add(writer.fresh.splice(0))
}

function stop () {
  if (writers.length) say('Stopped.')
  writers.forEach(flush)
  writers = []
  waiting = ''
}

function settings () {
  const whole = (id, most, otherwise) => Math.min(most, Math.max(1, Math.floor(Number($(id).value)) || otherwise))
  const meant = {n: '\n', t: '\t', '\\': '\\'}
  return {
    temp: Number($('temp').value),
    topk: $('topk').value ? whole('topk', model.V, model.V) : 0,
    length: Math.min(whole('length', 5000, 400), MOST - cells.length),
    stop: $('until').value.replace(/\\([nt\\])/g, (_, char) => meant[char])
  }
}

// Write, or write three ways, as soon as all of the text is read.
function ask (button) {
  stop()
  remember()
  if (!cells.length) {
    const decoder = vocabulary.decoder()
    show(facts.start.flatMap(symbol => decoder.push(symbol)))
  }
  waiting = button
  paint()
  work()
}

function begin () {
  const button = waiting, given = settings(), began = performance.now()
  const draw = () => ({draw: write(model, vocabulary, stateBefore(cells.length), given, Math.random), fresh: []})
  waiting = ''
  if (given.length < 1) return say('This page holds no longer text: clear it, or cut it.')
  say('Writing …')
  close()
  if (button === 'write') {
    const before = cells.length
    const end = () => {
      const count = cells.length - before, speed = 1000 * count / (performance.now() - began)
      say(`${shownNumber(count)} characters, ${shownNumber(Math.round(speed))} a second.`)
    }
    writers = [{...draw(), add: append, end}]
  } else writers = [1, 2, 3].map(number => ({...draw(), ...openContinuation(number)}))
}

// ---- three ways to go on --------------------------------------------------------------------------------------------

function openContinuation (number) {
  const base = cells, found = {cells: [], spans: []}
  const box = element('article', 'fork'), head = element('header'), text = element('pre'), note = element('p', 'note')
  const keep = element('button', '', 'Keep')
  keep.type = 'button'
  keep.setAttribute('aria-label', `Keep continuation ${number}`)
  keep.onclick = () => {
    stop()
    remember()
    close()
    show([...base, ...found.cells])
    area.focus()
  }
  head.append(element('h3', '', `Continuation ${number}`), keep)
  box.append(head, text, note)
  $('forks').append(box)
  $('forks').hidden = false
  continuations.push(found)
  const add = fresh => {
    const added = fresh.map(spanOf)
    found.cells.push(...fresh)
    found.spans.push(...added)
    text.append(...added)
    note.textContent = costOf(found.cells)
  }
  return {add, end: () => { if (!writers.length) say('Three ways to go on: keep one, or ask again.') }}
}

function close () {
  continuations = []
  $('forks').replaceChildren()
  $('forks').hidden = true
}

// ---- colours --------------------------------------------------------------------------------------------------------

function dress (span, cell) {
  let name = ''
  if (cell.state && unit.colours) {
    const value = model.units(cell.state, unit.layer)[unit.number] / scale()
    const level = Math.min(4, Math.round(4 * Math.abs(value)))
    name = level ? (value > 0 ? 'p' : 'n') + level : ''
  } else if (cell.state && cell.nats !== null) name = 's' + Math.min(8, Math.floor(bits(cell.nats)))
  span.className = cell.known ? name : `${name} unknown`
}

function spanOf (cell) {
  const span = element('span', '', cell.text)
  dress(span, cell)
  return span
}

function dressAll () {
  for (const each of [{cells, spans}, ...continuations]) each.spans.forEach((span, i) => dress(span, each.cells[i]))
}

// ---- paint ----------------------------------------------------------------------------------------------------------

const shownNumber = number => number.toLocaleString('en')
const percent = chance => `${(100 * chance).toFixed(chance < 0.0995 ? 1 : 0)} %`

// The mean cost of cells.
function costOf (some) {
  const paid = some.filter(cell => cell.state && cell.nats !== null)
  const symbols = paid.reduce((sum, cell) => sum + cell.symbols.length, 0)
  const nats = paid.reduce((sum, cell) => sum + cell.nats, 0)
  return symbols ? `${(bits(nats) / symbols).toFixed(2)} bits a ${facts.symbol}` : ''
}

function paint () {
  painted = performance.now()
  $('stop').disabled = !writers.length && !waiting
  $('undo').disabled = !earlier.length
  const mean = costOf(cells), unknown = cells.filter(cell => !cell.known).length, parts = []
  if (mean) parts.push(`${shownNumber(cells.length)} characters, ${mean}`)
  if (mean && facts.heldOut) parts.push(`real text it has not seen costs ${facts.heldOut.toFixed(2)}`)
  if (unknown) parts.push(`${shownNumber(unknown)} not in its vocabulary`)
  if (scored < cells.length) parts.push('reading …')
  $('cost').textContent = parts.join('; ')
  paintNext()
  paintStrip()
}

// The name of a character where it stands alone.
function named (char) {
  const names = {' ': '␣', '\n': '⏎', '\t': '⇥'}
  if (names[char]) return names[char]
  if (/\p{M}/u.test(char)) return '◌' + char
  const code = char.codePointAt(0).toString(16).toUpperCase().padStart(4, '0')
  return /[\p{L}\p{N}\p{P}\p{S}]/u.test(char) ? char : `U+${code}`
}

const bars = Array.from({length: BARS}, () => {
  const [item, button, bar, name, chance] = ['li', 'button', 'i', 'b', 'small'].map(kind => element(kind))
  const found = {item, button, bar, name, chance, text: ''}
  button.type = 'button'
  button.onclick = () => {
    const at = caret(), typed = vocabulary.cells(found.text)
    remember()
    show([...cells.slice(0, at), ...typed, ...cells.slice(at).map(unread)], at + 1)
  }
  button.append(name, bar, chance)
  item.append(button)
  $('next').append(item)
  return found
})

// The likeliest symbols at the caret, as they would be drawn there.
function paintNext () {
  const index = caret(), state = index > scored ? null : stateBefore(index), {topk, temp} = settings()
  const chances = state ? softmax(filtered(model.logits(state), topk, vocabulary.silent), temp) : []
  const order = Array.from(chances.keys()).filter(i => chances[i] > 5e-4).sort((a, b) => chances[b] - chances[a] || a - b)
  const came = state && index < scored ? cells[index] : null
  bars.forEach((each, rank) => {
    const symbol = order[rank]
    each.item.hidden = symbol === undefined
    if (symbol === undefined) return
    const char = vocabulary.char(symbol)
    each.text = char === null ? '' : picture(char)
    each.button.disabled = char === null
    each.button.title = char === null ? 'A part of a character' : 'Write it here'
    each.button.className = came && came.symbols[0] === symbol ? 'came' : ''
    each.name.textContent = char === null ? '0x' + symbol.toString(16).toUpperCase() : named(char)
    each.bar.style.width = `${100 * chances[symbol]}%`
    each.chance.textContent = percent(chances[symbol])
  })
  const before = textOf(cells.slice(Math.max(0, index - 12), index)).replace(/\s/g, ' ')
  let note = `After “${before}”, each ${facts.symbol} and its chance at this temperature.`
  if (!index) note = 'At the start, nothing is expected yet.'
  if (came) note += ` Here stands ${named(came.text)}, a surprise of ${bits(came.nats).toFixed(1)} bits.`
  $('next-note').textContent = note
}

// ---- the controls -------------------------------------------------------------------------------------------------------

$('ramp-surprise').append(...Array.from({length: 9}, (_, i) => element('span', `s${i}`)))
$('write').onclick = () => ask('write')
$('fork').onclick = () => ask('fork')
$('stop').onclick = () => { stop(); paint() }
$('undo').onclick = () => { if (earlier.length) show(earlier.pop()) }
$('clear').onclick = () => { remember(); close(); show([]); area.focus() }
$('settings').onsubmit = event => event.preventDefault()
$('settings').oninput = () => { $('temp-shown').textContent = Number($('temp').value).toFixed(2); paintNext() }
area.oninput = edited
document.addEventListener('selectionchange', () => { if (!writers.length) { paintNext(); paintStrip() } })
document.addEventListener('keydown', event => {
  if (event.key === 'Escape') { stop(); paint() }
  if (event.key === 'Enter' && (event.ctrlKey || event.metaKey)) { event.preventDefault(); ask('write') }
})

// Show the text that the page opens with, after the other scripts; `work` reads it.
document.addEventListener('DOMContentLoaded', () => {
  const decoder = vocabulary.decoder()
  show(facts.text.flatMap(symbol => decoder.push(symbol)).map(unread))
})
