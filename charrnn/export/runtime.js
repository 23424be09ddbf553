// Part of charrnn (Apache-2.0): a recurrent language model in one readable file, for a page or for node.
//
//   const model = new Model(facts, bytes)         the weights, as charrnn/export/packed.py packs them
//   state = model.step(state, symbol)             reads one symbol; a state is a value, and null has read nothing
//   model.logits(state)                           of the next symbol
//   write(model, vocabulary, state, settings, Math.random)     draws a text, cell by cell (a generator)
//
// There is no DOM here. The equations are those of charrnn/models/cells.py, and so are the letters: H units, V symbols.
'use strict'

// ---- the cells: x and p are the products of the input and of the state h, with their biases ---------------------------

const sigmoid = x => 1 / (1 + Math.exp(-x))

const CELLS = {
  gru: {gates: 3, states: 1, step (x, p, old, now, H) {          // gates stacked r, z, n
    for (let i = 0; i < H; i++) {
      const r = sigmoid(x[i] + p[i])
      const z = sigmoid(x[H + i] + p[H + i])
      const n = Math.tanh(x[2 * H + i] + r * p[2 * H + i])
      now[i] = n + z * (old[i] - n)
    }
  }},
  lstm: {gates: 4, states: 2, step (x, p, old, now, H) {         // gates stacked i, f, g, o; c stands behind h
    for (let i = 0; i < H; i++) {
      const g = Math.tanh(x[2 * H + i] + p[2 * H + i])
      const c = sigmoid(x[H + i] + p[H + i]) * old[H + i] + sigmoid(x[i] + p[i]) * g
      now[i] = sigmoid(x[3 * H + i] + p[3 * H + i]) * Math.tanh(c)
      now[H + i] = c
    }
  }},
  rnn_tanh: {gates: 1, states: 1, step (x, p, old, now, H) {
    for (let i = 0; i < H; i++) now[i] = Math.tanh(x[i] + p[i])
  }},
  rnn_relu: {gates: 1, states: 1, step (x, p, old, now, H) {
    for (let i = 0; i < H; i++) now[i] = Math.max(0, x[i] + p[i])
  }}
}

// out = weight · x + bias, for a weight (rows, x.length). Eight rows at a time, because loading x[i] once for all of them
// makes a step 1.5 times as fast. Each row adds its products in the same order, so that equal rows have equal sums.
function affine (weight, bias, x, out) {
  const n = x.length, rows = bias.length, n2 = 2 * n, n3 = 3 * n, n4 = 4 * n, n5 = 5 * n, n6 = 6 * n, n7 = 7 * n
  let row = 0
  for (; row + 8 <= rows; row += 8) {
    let a = bias[row], b = bias[row + 1], c = bias[row + 2], d = bias[row + 3]
    let e = bias[row + 4], f = bias[row + 5], g = bias[row + 6], h = bias[row + 7]
    for (let i = 0, at = row * n; i < n; i++, at++) {
      const value = x[i]
      a += weight[at] * value
      b += weight[at + n] * value
      c += weight[at + n2] * value
      d += weight[at + n3] * value
      e += weight[at + n4] * value
      f += weight[at + n5] * value
      g += weight[at + n6] * value
      h += weight[at + n7] * value
    }
    out[row] = a
    out[row + 1] = b
    out[row + 2] = c
    out[row + 3] = d
    out[row + 4] = e
    out[row + 5] = f
    out[row + 6] = g
    out[row + 7] = h
  }
  for (; row < rows; row++) {
    let a = bias[row]
    for (let i = 0, at = row * n; i < n; i++, at++) a += weight[at] * x[i]
    out[row] = a
  }
  return out
}

// ---- the model -------------------------------------------------------------------------------------------------------

// The number that 16 bits of IEEE 754 stand for; infinities and nan are never packed.
function fromHalf (bits) {
  const sign = bits & 0x8000 ? -1 : 1, exponent = bits >> 10 & 31, fraction = bits & 1023
  return exponent ? sign * 2 ** (exponent - 25) * (1024 + fraction) : sign * 2 ** -24 * fraction
}

// Reads matrices and vectors one after the other from little-endian bytes (Uint8Array).
class Unpacker {
  constructor (bytes, weights) {
    this.view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength)
    this.weights = weights
    this.at = 0
  }

  vector (size) {
    const found = new Float32Array(size)
    for (let i = 0; i < size; i++, this.at += 4) found[i] = this.view.getFloat32(this.at, true)
    return found
  }

  matrix (rows, columns) {
    const found = new Float32Array(rows * columns)
    if (this.weights === 'float16') {
      for (let i = 0; i < found.length; i++, this.at += 2) found[i] = fromHalf(this.view.getUint16(this.at, true))
    } else {                                                      // int8: one scale for each row, then the rows
      const scales = this.vector(rows)
      for (let i = 0; i < found.length; i++, this.at++) {
        found[i] = scales[Math.floor(i / columns)] * this.view.getInt8(this.at)
      }
    }
    return found
  }
}

class Model {
  // facts: {cell, layers, H, V, inputs, weights}; `inputs` is the size of a symbol's row, or 0 where the rows are the
  // first layer's input products already.
  constructor (facts, bytes) {
    const {cell, layers, H, V, inputs, weights} = facts, G = CELLS[cell].gates
    const unpack = new Unpacker(bytes, weights)
    this.cell = CELLS[cell]
    this.H = H
    this.V = V
    this.width = inputs || G * H
    this.rows = unpack.matrix(V, this.width)
    this.layers = []
    for (let layer = 0; layer < layers; layer++) {
      const size = layer ? H : inputs
      this.layers.push({
        input: size ? unpack.matrix(G * H, size) : null,
        inputBias: size ? unpack.vector(G * H) : null,
        weight: unpack.matrix(G * H, H),
        bias: unpack.vector(G * H)
      })
    }
    this.readout = unpack.matrix(V, H)
    this.readoutBias = unpack.vector(V)
    this.x = new Float32Array(G * H)
    this.p = new Float32Array(G * H)
    this.zero = new Float32Array(layers * this.cell.states * H)
  }

  // The state after one more symbol: a new Float32Array of h, or h and c, of each layer.
  step (state, symbol) {
    const old = state || this.zero, now = new Float32Array(old.length), size = this.cell.states * this.H
    let below = this.rows.subarray(symbol * this.width, (symbol + 1) * this.width)
    this.layers.forEach((layer, number) => {
      const begin = number * size, before = old.subarray(begin, begin + size), after = now.subarray(begin, begin + size)
      const x = layer.input ? affine(layer.input, layer.inputBias, below, this.x) : below
      const p = affine(layer.weight, layer.bias, before.subarray(0, this.H), this.p)
      this.cell.step(x, p, before, after, this.H)
      below = after.subarray(0, this.H)
    })
    return now
  }

  // The unnormalised log-probabilities (V) of the next symbol.
  logits (state) {
    const top = state.length - this.cell.states * this.H
    return affine(this.readout, this.readoutBias, state.subarray(top, top + this.H), new Float32Array(this.V))
  }

  // The outputs (H) of one layer.
  units (state, layer) {
    const begin = layer * this.cell.states * this.H
    return state.subarray(begin, begin + this.H)
  }
}

// ---- the choice of the next symbol -----------------------------------------------------------------------------------

// The logits that are left: without the silent symbol (null: there is none), and of these the topk largest (0: all). Of
// equal ones, those with the lower index stay.
function filtered (logits, topk, silent) {
  const left = Float64Array.from(logits)
  if (silent !== null) left[silent] = -Infinity
  if (topk > 0 && topk < left.length) {
    const limit = left.slice().sort()[left.length - topk]
    let room = topk - left.filter(value => value > limit).length  // for those that equal the limit
    for (let i = 0; i < left.length; i++) {
      if (left[i] < limit || (left[i] === limit && --room < 0)) left[i] = -Infinity
    }
  }
  return left
}

function largest (logits) {
  let found = 0
  for (let i = 1; i < logits.length; i++) if (logits[i] > logits[found]) found = i
  return found
}

// The probabilities at a temperature; at 0, all is on the largest logit, the first of equal ones.
function softmax (logits, temp) {
  const best = largest(logits), found = new Float64Array(logits.length)
  if (temp === 0) {
    found[best] = 1
    return found
  }
  let total = 0
  for (let i = 0; i < found.length; i++) total += found[i] = Math.exp((logits[i] - logits[best]) / temp)
  for (let i = 0; i < found.length; i++) found[i] /= total
  return found
}

// The index that `draw` in [0, 1) picks.
function choose (logits, temp, draw) {
  const chances = softmax(logits, temp)
  let height = 0, last = 0
  for (let i = 0; i < chances.length; i++) {
    height += chances[i]
    if (chances[i] > 0) last = i
    if (draw < height) return i
  }
  return last                                                     // rounding left the sum below the draw
}

// The cost of a symbol in nats, at temperature 1.
function nats (logits, symbol) {
  const best = logits[largest(logits)]
  let total = 0
  for (let i = 0; i < logits.length; i++) total += Math.exp(logits[i] - best)
  return Math.log(total) + best - logits[symbol]
}

// ---- the vocabulary: a cell is one shown character, {text, symbols, known} ---------------------------------------------

// A control character has no width and no shape, and a box for text changes some: its picture stands for it.
function picture (char) {
  const code = char.codePointAt(0)
  if (char === '\n' || char === '\t') return char
  if (code < 32) return String.fromCharCode(0x2400 + code)
  return code === 127 ? '\u2421' : code >= 0xd800 && code < 0xe000 ? '\ufffd' : char
}

class CharVocabulary {
  // codes: the code point of each index; silent: the index of the unknown symbol, or null.
  constructor (codes, silent) {
    this.chars = codes.map(code => String.fromCodePoint(code))
    this.silent = silent
    this.index = new Map()
    for (const spell of [picture, char => char]) this.chars.forEach((char, i) => this.index.set(spell(char), i))
  }

  // The cells of a text; a character that the model does not know is read as index 0.
  cells (text) {
    return Array.from(text, char => {
      const index = this.index.get(char), known = index !== undefined && index !== this.silent
      return {text: char, symbols: [known ? index : 0], known}
    })
  }

  // The character of a symbol; null where it is none by itself.
  char (index) { return this.chars[index] }

  // Symbols are pushed one by one; each push returns the cells that are complete.
  decoder () {
    return {push: index => [{text: picture(this.chars[index]), symbols: [index], known: true}]}
  }
}

class ByteVocabulary {
  constructor () { this.silent = null }

  cells (text) {
    const utf8 = new TextEncoder()
    return Array.from(text, char => ({text: char, symbols: Array.from(utf8.encode(char)), known: true}))
  }

  char (index) { return index < 128 ? String.fromCharCode(index) : null }

  // A cell is complete with its last byte; bytes that are not UTF-8 are shown as U+FFFD, as Python does.
  decoder () {
    let held = []
    return {push: byte => {
      const found = []
      let text = spelled([...held, byte])
      if (text === null && held.length) {
        found.push({text: '\ufffd', symbols: held, known: true})
        held = []
        text = spelled([byte])
      }
      held = [...held, byte]
      if (text === '') return found
      found.push({text: text === null ? '\ufffd' : picture(text), symbols: held, known: true})
      held = []
      return found
    }}
  }
}

// The character that bytes spell in UTF-8; '' if it lacks bytes, null if no character begins like this.
function spelled (bytes) {
  try {
    return new TextDecoder('utf-8', {fatal: true, ignoreBOM: true}).decode(Uint8Array.from(bytes), {stream: true})
  } catch {
    return null
  }
}

// ---- reading and writing ---------------------------------------------------------------------------------------------

// Read the symbols of a cell; its cost is null where nothing stands before its first symbol.
function read (model, state, cell) {
  let cost = state ? 0 : null
  for (const symbol of cell.symbols) {
    if (state) cost = (cost || 0) + nats(model.logits(state), symbol)
    state = model.step(state, symbol)
  }
  return {...cell, nats: cost, state}
}

// Draw at most settings.length symbols, and yield after each the cells that are certain now, as `read` gives them. The
// text ends before the first settings.stop; a cell is held back as long as it may be the beginning of one.
function * write (model, vocabulary, state, settings, random) {
  const decoder = vocabulary.decoder(), stop = settings.stop || '', drawn = []
  let held = []
  for (let count = 0; count < settings.length; count++) {
    const logits = model.logits(state)
    const symbol = choose(filtered(logits, settings.topk, vocabulary.silent), settings.temp, random())
    state = model.step(state, symbol)
    drawn.push({nats: nats(logits, symbol), state})
    for (const cell of decoder.push(symbol)) {
      const own = drawn.splice(0, cell.symbols.length)
      held.push({...cell, nats: own.reduce((sum, each) => sum + each.nats, 0), state: own[own.length - 1].state})
    }
    const text = held.map(cell => cell.text).join('')
    if (stop && text.includes(stop)) {
      yield upTo(held, text.indexOf(stop))
      return
    }
    const certain = upTo(held, text.length - beginning(text, stop))
    held = held.slice(certain.length)
    yield certain
  }
  yield held
}

// The cells that end within the first `size` units of their text.
function upTo (cells, size) {
  let count = 0, end = 0
  while (count < cells.length && end + cells[count].text.length <= size) end += cells[count++].text.length
  return cells.slice(0, count)
}

// The length of the longest end of `text` with which `stop` could begin.
function beginning (text, stop) {
  let size = Math.min(text.length, Math.max(0, stop.length - 1))
  while (size && !text.endsWith(stop.slice(0, size))) size--
  return size
}

const vocabularyOf = facts =>
  facts.level === 'byte' ? new ByteVocabulary() : new CharVocabulary(facts.codes, facts.silent)

if (typeof module !== 'undefined') {
  module.exports = {Model, vocabularyOf, filtered, softmax, choose, nats, read, write}
}
