// Part of charrnn (Apache-2.0): the strip of hidden units in the page, and the unit that colours the text.
'use strict'

const COLUMN = 9, ROW = 7                                         // pixels of a symbol and of a unit, as in the stylesheet
const LAG = 8                                                     // symbols over which a unit that remembers hardly changes

// The chosen unit of the chosen layer; the units in the order of the rows; true if it colours the text.
const unit = {
  layer: facts.model.layers - 1, number: 0, order: Array.from({length: model.H}, (_, i) => i), colours: false, largest: 0
}

// The value of the strongest colour: 1, except that a rectifier has no upper end.
const scale = () => facts.model.cell === 'rnn_relu' ? Math.max(1e-9, unit.largest) : 1

// The units of one layer, over the cells before the caret.
function paintStrip () {
  const strip = $('strip'), H = model.H, columns = Math.max(8, Math.floor(stripWidth / COLUMN))
  const last = Math.min(scored, Math.max(caret(), columns)), first = Math.max(0, last - columns)
  strip.width = columns
  strip.height = H
  strip.style.width = `${columns * COLUMN}px`
  strip.style.height = `${H * ROW}px`
  const context = strip.getContext('2d'), image = context.createImageData(columns, H)
  const style = getComputedStyle(document.body)
  const [hot, cold] = ['--hot', '--cold'].map(name => style.getPropertyValue(name).trim().split(/\s+/).map(Number))
  for (let column = 0; column < last - first; column++) {
    const values = model.units(cells[first + column].state, unit.layer)
    for (let row = 0; row < H; row++) {
      const value = values[unit.order[row]] / scale(), colour = value > 0 ? hot : cold
      const at = 4 * (row * columns + column)
      for (let i = 0; i < 3; i++) image.data[at + i] = colour[i]
      image.data[at + 3] = 255 * Math.min(1, Math.abs(value))
    }
  }
  context.putImageData(image, 0, 0)
  const names = cells.slice(first, last).map(cell => cell.text === ' ' ? '' : named(cell.text))
  $('axis').replaceChildren(...names.map(name => element('span', '', name)))
  $('chosen').style.top = `${unit.order.indexOf(unit.number) * ROW}px`
}

function chooseUnit (number, colours = true) {
  unit.number = Math.min(model.H - 1, Math.max(0, Math.floor(number) || 0))
  unit.colours = colours
  unit.largest = Math.max(...cells.slice(0, scored).map(cell => Math.max(...model.units(cell.state, unit.layer))))
  $('unit').value = unit.number
  $('unit-shown').textContent = unit.number
  $('by-unit').checked = colours
  $('strip').setAttribute('aria-valuenow', unit.number)
  $('legend-surprise').hidden = colours
  $('legend-unit').hidden = !colours
  $('legend-low').textContent = facts.model.cell === 'rnn_relu' ? '0' : '−1'
  $('legend-high').textContent = scale().toPrecision(2).replace(/\.0$/, '')
  dressAll()
  paintStrip()
}

// Order the rows by how long the units remember: by their covariance with themselves `LAG` symbols later.
function sortUnits () {
  const H = model.H, values = cells.slice(0, scored).map(cell => model.units(cell.state, unit.layer)), n = values.length
  const memory = Array.from({length: H}, (_, i) => {
    const mean = values.reduce((sum, each) => sum + each[i], 0) / n
    let found = 0
    for (let t = LAG; t < n; t++) found += (values[t][i] - mean) * (values[t - LAG][i] - mean)
    return found
  })
  unit.order.sort((a, b) => memory[b] - memory[a] || a - b)
  $('strip').parentElement.scrollTop = 0
  paintStrip()
}

// Choose the unit of a row of the strip.
function chooseRow (row) {
  const within = Math.min(model.H - 1, Math.max(0, row)), rows = $('strip').parentElement
  chooseUnit(unit.order[within])
  rows.scrollTop = Math.min(within * ROW, Math.max(rows.scrollTop, (within + 1) * ROW - rows.clientHeight))
}

let stripWidth = 0
new ResizeObserver(() => { stripWidth = $('axis').clientWidth; paintStrip() }).observe($('axis'))
matchMedia('(prefers-color-scheme: dark)').addEventListener('change', paintStrip)

$('ramp-unit').append(...['n4', 'n3', 'n2', 'n1', '', 'p1', 'p2', 'p3', 'p4'].map(name => element('span', name)))
for (let layer = 0; layer < facts.model.layers; layer++) $('layer').append(element('option', '', `${layer}`))
$('layer').value = `${unit.layer}`
$('layer').onchange = () => {
  unit.layer = Number($('layer').value)
  sortUnits()
  chooseUnit(unit.order[0], unit.colours)
}
$('unit').oninput = () => { if ($('unit').value) chooseUnit(Number($('unit').value)) }
$('sort').onclick = sortUnits
$('by-unit').onchange = () => chooseUnit(unit.number, $('by-unit').checked)
$('strip').onclick = event => chooseRow(Math.floor((event.clientY - $('strip').getBoundingClientRect().top) / ROW))
$('strip').onkeydown = event => {
  const moves = {ArrowDown: 1, ArrowUp: -1, PageDown: 20, PageUp: -20, Home: -model.H, End: model.H}
  if (!(event.key in moves)) return
  event.preventDefault()
  chooseRow(unit.order.indexOf(unit.number) + moves[event.key])
}
