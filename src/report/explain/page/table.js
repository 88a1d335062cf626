// Every node in a table: by block, folded where blocks repeat; sorted; searched. Rows are made when they are seen.
import {
  columns,
  costOf,
  costText,
  data,
  element,
  faultsText,
  full,
  heat,
  measures,
  nodesText,
  percent,
  searched,
  wordsOf,
} from './figures.js'
import { goTo } from './panel.js'

const table = document.querySelector('#nodes')
const search = document.querySelector('#search')
const counted = document.querySelector('#counted')
const all = columns.id.flatMap((_, node) => (columns.local[node] === null ? [] : [node]))
/** Rows at once of a list that is not by block. */
const page = 300

const keys = [
  node => Number(columns.id[node].split('/')[0]),
  node => columns.operator[node],
  node => `${columns.module[node]} ${columns.label[node]}`,
  node => columns.local[node],
  ...(document.querySelector('#nodes [data-sums]') ? [node => columns.sums[node] ?? -1] : []),
  node => columns.accumulated[node],
  node => columns.largest[node],
  node => columns.flushed[node] + 1e6 * columns.nan[node] + 1e9 * columns.overflow[node],
  node => costOf(node) ?? -1,
]
const withSums = keys.length === 9

function row(node) {
  const number = (text, classes = '') => element('td', { class: `number ${classes}` }, text)
  return element(
    'tr',
    { title: `writes ${columns.tensor[node]} ${columns.shape[node]}` },
    element(
      'td',
      {},
      element('button', { type: 'button', class: 'link', click: () => see(node) }, `#${columns.id[node]}`),
    ),
    element('td', {}, columns.operator[node]),
    element(
      'td',
      {},
      columns.module[node] || columns.label[node],
      columns.module[node] && element('small', {}, ` ${columns.label[node]}`),
    ),
    number(full(columns.local[node]), heat(measures.local, columns.local[node])),
    ...(withSums ? [number(full(columns.sums[node]))] : []),
    number(full(columns.accumulated[node]), heat(measures.accumulated, columns.accumulated[node])),
    number(full(columns.largest[node])),
    element('td', {}, faultsText(node)),
    number(costText(node)),
  )
}

function see(node) {
  goTo(node)
  document.querySelector('.network').scrollIntoView()
}

const blocks = data.blocks.map(() => [])
for (const node of all) blocks[columns.block[node]].push(node)
const unfolded = new Set(
  data.blocks.flatMap(({ alike }, block) => (alike > 1 || blocks[block].length > 40 ? [] : [block])),
)
let sorted
let limit = page

function fill() {
  const words = wordsOf(search)
  const wanted =
    words.length === 0 ? all : all.filter(node => words.every(word => searched(node).includes(word)))
  counted.textContent = words.length === 0 ? '' : `${wanted.length} of ${nodesText(all.length)}`
  for (const body of [...table.tBodies]) body.remove()
  if (sorted) {
    const key = keys[sorted.column]
    const order = (a, b) => (typeof key(a) === 'string' ? key(a).localeCompare(key(b)) : key(a) - key(b) || 0)
    const rows = [...wanted].sort((a, b) => (sorted.down ? -1 : 1) * order(a, b))
    table.append(element('tbody', {}, ...rows.slice(0, limit).map(row), ...more(rows.length)))
  } else {
    const chosen = new Set(wanted)
    let room = words.length === 0 ? Number.POSITIVE_INFINITY : limit
    for (const [block, nodes] of blocks.entries()) {
      const here = nodes.filter(node => chosen.has(node))
      if (here.length === 0) continue
      const open = words.length > 0 || unfolded.has(block)
      const rows = open ? here.slice(0, Math.max(0, room)) : []
      room -= rows.length
      table.append(element('tbody', {}, blockRow(block, nodes, open), ...rows.map(row)))
    }
    if (words.length > 0) table.append(element('tbody', {}, ...more(wanted.length)))
  }
}

function more(count) {
  if (count <= limit) return []
  const show = () => {
    limit = count
    fill()
  }
  return [
    element(
      'tr',
      {},
      element(
        'td',
        { colspan: keys.length },
        element('button', { type: 'button', click: show }, `all ${count} rows`),
      ),
    ),
  ]
}

function blockRow(block, nodes, open) {
  const { name, alike } = data.blocks[block]
  const worst = of => Math.max(...nodes.map(node => of(node) ?? 0))
  const costs = new Set(nodes.map(costOf).filter(cost => cost !== null))
  const number = (text, classes = '') => element('td', { class: `number ${classes}` }, text)
  const errors = ['local', 'accumulated'].map(measure => {
    const value = worst(measures[measure].of)
    return number(full(value), heat(measures[measure], value))
  })
  const fold = () => {
    if (!unfolded.delete(block)) unfolded.add(block)
    fill()
    table.querySelector(`[data-block="${block}"] button`).focus({ preventScroll: true })
  }
  return element(
    'tr',
    { class: 'block', 'data-block': block },
    element(
      'td',
      { colspan: 3 },
      element(
        'button',
        { type: 'button', class: 'fold', 'aria-expanded': String(open), click: fold },
        element('b', {}, name),
      ),
      element('small', {}, ` ${nodesText(nodes.length)}${alike > 1 ? `, one of ${alike} alike` : ''}`),
    ),
    errors[0],
    ...(withSums ? [element('td')] : []),
    errors[1],
    number(full(worst(node => columns.largest[node]))),
    element('td'),
    number(costs.size > 0 ? percent(Math.hypot(...costs)) : ''),
  )
}

const heads = [...table.tHead.rows[0].cells]
for (const [column, head] of heads.entries())
  head.firstElementChild.addEventListener('click', () => {
    const down = sorted?.column === column ? !sorted.down : typeof keys[column](all[0]) === 'number'
    sorted = { column, down }
    limit = page
    for (const other of heads) other.removeAttribute('aria-sort')
    head.setAttribute('aria-sort', down ? 'descending' : 'ascending')
    fill()
  })
document.querySelector('#blocks').addEventListener('click', () => {
  sorted = undefined
  for (const head of heads) head.removeAttribute('aria-sort')
  fill()
})
search.addEventListener('input', () => {
  limit = page
  fill()
})
fill()
