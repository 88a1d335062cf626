// What is chosen: its figures beside the drawing, and the search.

import {
  centre,
  draw,
  drawing,
  fitAll,
  forget,
  instanceName,
  keepingInPlace,
  nodesInside,
  reveal,
  seenOf,
  state,
  titleOf,
  wasMoved,
  worstOf,
  zoom,
} from './drawing.js'
import {
  columns,
  containers,
  data,
  element,
  faultsText,
  full,
  heat,
  measures,
  nameOf,
  percent,
  searched,
  short,
  wordsOf,
} from './figures.js'

const panel = document.querySelector('#panel')

/** Goes to a node, wherever it is folded away. */
export function goTo(node) {
  if (node < data.drawn) reveal(node)
  state.selected = `n${node}`
  draw()
  centre(state.selected)
  tell()
}

function select(key) {
  state.selected = key
  draw()
  tell()
}

function toggle(index) {
  keepingInPlace(`c${index}`, () => {
    if (!state.open.delete(index)) state.open.add(index)
    forget(index)
    select(`c${index}`)
  })
}

function choose(index, place) {
  keepingInPlace(`c${index}`, () => {
    state.open.add(index)
    state.instances.set(index, place)
    forget(index)
    select(`c${index}`)
  })
}

function act(target) {
  const cell = target.closest('.cell')
  const box = target.closest('.box')
  if (cell) choose(Number(cell.dataset.repeat), Number(cell.dataset.place))
  else if (box) {
    const { key } = box.dataset
    if (key[0] === 'n') select(key)
    else toggle(Number(key.slice(1)))
  } else select(undefined)
}
drawing.addEventListener('click', ({ target }) => wasMoved() || act(target))
drawing.addEventListener('keydown', event => {
  if ((event.key !== 'Enter' && event.key !== ' ') || !event.target.closest('.box')) return
  event.preventDefault()
  act(event.target)
})

// ── the panel
function tell() {
  const { selected } = state
  const index = Number(selected?.slice(1))
  panel.replaceChildren(
    ...(selected === undefined ? [] : selected[0] === 'n' ? nodeParts(index) : containerParts(index)),
    ...(selected?.[0] === 'c'
      ? []
      : [worstList('Worst of the network', columns.id.map((_, node) => node).slice(0, data.drawn), 8)]),
  )
}

function nodeParts(node) {
  const error = value => (value === null ? undefined : full(value))
  const rows = [
    ['module', columns.module[node]],
    ['name', columns.label[node]],
    ['writes', columns.tensor[node] && `${columns.tensor[node]} ${columns.shape[node]}`],
    ['local', error(columns.local[node])],
    ['sums', error(columns.sums[node])],
    ['accumulated', error(columns.accumulated[node])],
    ['on the engine', error(columns.engine[node])],
    ['largest', error(columns.largest[node])],
    ['beyond rounding', faultsText(node)],
    [`alone in ${data.precision}`, togetherText(node)],
    ...columns.layers[node].map(layer => [
      'TensorRT layer',
      `${data.plan[layer].name}, ${short(Number(data.plan[layer].milliseconds))} ms`,
    ]),
  ]
  return [
    element('h3', {}, `#${columns.id[node]} ${columns.operator[node]}`),
    columns.local[node] === null
      ? element(
          'p',
          { class: 'hint' },
          `No figures: ${data.precision} does not change it, or it was not looked at.`,
        )
      : undefined,
    figures(rows),
  ].filter(part => part)
}

function togetherText(node) {
  if (columns.alone[node] === null) return ''
  const neighbours = columns.sharedBy[node] > 1 ? `, ${columns.sharedBy[node]} neighbours together` : ''
  return `${percent(columns.alone[node])} of the limit used most${neighbours}`
}

function figures(rows) {
  return element(
    'dl',
    {},
    ...rows
      .filter(([, value]) => value)
      .map(([name, value]) => element('div', {}, element('dt', {}, name), element('dd', {}, value))),
  )
}

function containerParts(index) {
  const { name, kind, children } = containers[index]
  const nodes = nodesInside(index)
  const shown =
    kind === 'repeat' && state.open.has(index)
      ? nodesInside(children[state.instanceOf(index)].container)
      : nodes
  const worst = measure => worstOf(nodes, measures[measure])
  return [
    element('h3', {}, `${name || titleOf(index)}${kind === 'repeat' ? ` ×${children.length}` : ''}`),
    figures([
      [
        'nodes',
        String(nodes.length) + (kind === 'repeat' ? `, ${nodes.length / children.length} in each` : ''),
      ],
      ['worst local', full(worst('local'))],
      ['worst accumulated', full(worst('accumulated'))],
      ['worst cost', percent(worst('cost'))],
    ]),
    kind === 'repeat' &&
      element(
        'div',
        { class: 'instances', role: 'group', 'aria-label': 'Instances' },
        ...children.map(({ container }, place) => {
          const value = worstOf(nodesInside(container))
          const pressed = state.open.has(index) && state.instanceOf(index) === place
          return element(
            'button',
            {
              ...{ type: 'button', class: heat(state.measure, value), 'aria-pressed': String(pressed) },
              click: () => choose(index, place),
            },
            instanceName(index, place),
            element('small', {}, ` ${state.measure.text(value)}`),
          )
        }),
      ),
    worstList(
      kind === 'repeat' && state.open.has(index)
        ? `Worst of ${instanceName(index, state.instanceOf(index))}`
        : 'Worst inside',
      shown,
      6,
    ),
  ].filter(part => part)
}

/** The nodes with the largest figures, to go to. */
function worstList(title, nodes, count) {
  const { measure } = state
  const worst = nodes
    .filter(node => measure.of(node) > 0)
    .sort((a, b) => measure.of(b) - measure.of(a) || 0)
    .slice(0, count)
  return element(
    'div',
    { class: 'worst-nodes' },
    element('h3', {}, `${title}, by ${measure.name}`),
    element(
      'ol',
      {},
      ...worst.map(node =>
        element(
          'li',
          {},
          element(
            'button',
            { type: 'button', class: 'link', click: () => goTo(node) },
            `#${columns.id[node]} ${columns.operator[node]}`,
          ),
          element(
            'span',
            { class: `pill ${heat(measure, measure.of(node))}` },
            measure.text(measure.of(node)),
          ),
          element('small', {}, nameOf(node)),
        ),
      ),
    ),
  )
}

// ── what it is coloured by
const choice = document.querySelector('#measures')
const legend = document.querySelector('#legend')
for (const [key, { name }] of Object.entries(measures))
  choice.append(
    element(
      'label',
      { class: 'chip' },
      element('input', {
        type: 'radio',
        name: 'measure',
        value: key,
        ...(key === 'local' && { checked: '' }),
      }),
      ` ${name}`,
    ),
  )
choice.addEventListener('change', ({ target }) => {
  state.measure = measures[target.value]
  state.layouts.clear()
  draw()
  tell()
  tellLegend()
})
function tellLegend() {
  const { scale, text, name } = state.measure
  legend.replaceChildren(
    `${name}: `,
    ...scale.map((from, level) =>
      element(
        'span',
        { class: `pill heat-${level}` },
        level === 0 ? `< ${text(scale[1])}` : `≥ ${text(from)}`,
      ),
    ),
    element('span', { class: 'pill heat-infinite' }, '∞'),
    element('span', { class: 'pill heat-none' }, 'not looked at'),
  )
}

// ── buttons
const buttons = {
  '#fit': () => fitAll(),
  '#larger': () => zoom(1.3),
  '#smaller': () => zoom(1 / 1.3),
  '#fold': () => {
    state.open.clear()
    state.layouts.clear()
    select(undefined)
    fitAll()
  },
}
for (const [name, press] of Object.entries(buttons))
  document.querySelector(name).addEventListener('click', press)

// ── search
const find = document.querySelector('#find')
const found = document.querySelector('#found')
let hits = []
let at = -1
find.addEventListener('input', () => {
  const words = wordsOf(find)
  hits =
    words.length === 0
      ? []
      : columns.id.flatMap((_, node) =>
          node < data.drawn && words.every(word => searched(node).includes(word)) ? [node] : [],
        )
  at = -1
  state.matches = new Set(hits)
  draw()
  if (hits.length > 0) centre(seenOf(hits[0]))
  found.textContent =
    words.length === 0 ? '' : `${hits.length} found${hits.length > 0 ? ', Enter goes to them' : ''}`
})
find.addEventListener('keydown', event => {
  if (event.key !== 'Enter' || hits.length === 0) return
  event.preventDefault()
  at = (at + (event.shiftKey ? hits.length - 1 : 1)) % hits.length
  goTo(hits[at])
  found.textContent = `${at + 1} of ${hits.length}`
})

for (const link of document.querySelectorAll('[data-go]'))
  link.addEventListener('click', () => {
    const node = columns.id.indexOf(link.dataset.go)
    if (node !== -1) goTo(node)
    document.querySelector('.network').scrollIntoView()
  })

draw()
fitAll(true)
tell()
tellLegend()
