// What the page was given, and how its figures are written and coloured.

export const data = JSON.parse(document.querySelector('#data').textContent)
export const { columns, containers } = data
for (const name of [
  'local',
  'sums',
  'accumulated',
  'engine',
  'largest',
  'overflow',
  'nan',
  'flushed',
  'alone',
])
  columns[name] = columns[name].map(value => (value === null ? null : Number(value)))

/** Nodes that share a cost have their part of its square each. */
export function costOf(node) {
  return columns.alone[node] === null ? null : columns.alone[node] / Math.sqrt(columns.sharedBy[node])
}

/** What the drawing can be coloured by. */
export const measures = {
  local: { name: 'local error', of: node => columns.local[node], text: short },
  sums: { name: 'error of sums in FP16', of: node => columns.sums[node], text: short },
  accumulated: { name: 'accumulated error', of: node => columns.accumulated[node], text: short },
  engine: { name: 'accumulated on the engine', of: node => columns.engine[node], text: short },
  cost: { name: `cost alone in ${data.precision}`, of: costOf, text: percent },
}
for (const name of ['sums', 'engine']) if (columns[name].every(value => value === null)) delete measures[name]

/** Levels of colour. */
const levels = 6

/**
 * Where each level of a measure begins: equal steps of its logarithm, from where nearly all of the network lies up to the
 * worst. Where all are much alike none is dark.
 */
function scaleOf({ of }) {
  const values = columns.id
    .map((_, node) => of(node))
    .filter(value => value > 0 && Number.isFinite(value))
    .sort((a, b) => a - b)
  const low = Math.log10(values[Math.floor(values.length / 20)] ?? 1e-3)
  const top = Math.max(low + 1.2, Math.log10(values.at(-1) ?? 1))
  const bottom = Math.max(low, top - 6)
  return Array.from({ length: levels }, (_, i) => 10 ** (bottom + ((top - bottom) * i) / levels))
}
for (const measure of Object.values(measures)) measure.scale = scaleOf(measure)

/** The class that colours a value. */
export function heat({ scale }, value) {
  if (value === null || Number.isNaN(value)) return 'heat-none'
  if (value === Number.POSITIVE_INFINITY) return 'heat-infinite'
  return `heat-${Math.max(
    0,
    scale.findLastIndex(from => value >= from),
  )}`
}

/** Two digits. */
export function short(value) {
  if (value === null) return ''
  if (value === 0) return '0'
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : '∞'
  return value >= 1e-2 && value < 1000 ? String(Number(value.toPrecision(2))) : value.toExponential(1)
}

/** Three digits. */
export function full(value) {
  if (value === null) return ''
  return Number.isFinite(value) && value !== 0 ? value.toPrecision(3) : short(value)
}

export function percent(value) {
  if (value === null) return ''
  return Number.isFinite(value) ? `${Number((100 * value).toPrecision(3))} %` : short(value)
}

export function nodesText(count) {
  return `${count} ${count === 1 ? 'node' : 'nodes'}`
}

/** A node's cost, and with how many neighbours it is shared. */
export function costText(node) {
  if (columns.alone[node] === null) return ''
  return columns.sharedBy[node] === 1
    ? percent(columns.alone[node])
    : `${percent(columns.alone[node])} / ${columns.sharedBy[node]}`
}

/** What happens to values beyond rounding. */
export function faultsText(node) {
  return [
    [columns.overflow[node], 'overflow'],
    [columns.nan[node], 'NaN'],
    [columns.flushed[node], 'to zero'],
  ]
    .flatMap(([count, word]) => (count > 0 ? [`${count} ${word}`] : []))
    .join(', ')
}

export function nameOf(node) {
  return columns.module[node] || columns.label[node]
}

/** An element with attributes, text and children; a function is called at a click. */
export function element(tag, attributes = {}, ...children) {
  const svg = ['svg', 'g', 'rect', 'text', 'path', 'line', 'circle', 'title', 'polyline'].includes(tag)
  const made = svg ? document.createElementNS('http://www.w3.org/2000/svg', tag) : document.createElement(tag)
  for (const [name, value] of Object.entries(attributes))
    if (typeof value === 'function') made.addEventListener(name, value)
    else if (value !== undefined) made.setAttribute(name, value)
  made.append(...children.filter(child => child !== undefined && child !== false))
  return made
}

/** What a search looks through. */
export function searched(node) {
  const { id, operator, module, label, tensor } = columns
  return `#${id[node]} ${operator[node]} ${module[node]} ${label[node]} ${tensor[node]} ${faultsText(node)}`.toLowerCase()
}

/** The words that were typed. */
export function wordsOf(field) {
  return field.value
    .toLowerCase()
    .split(/\s+/)
    .filter(word => word)
}
