// The drawing: boxes as they stand open, coloured; zoom and pan. The library for layouts stands before it in the page.
/* global dagre */
import { columns, containers, element, heat, measures, nameOf, nodesText } from './figures.js'
import { curve, firstOpen, layoutOf, shownIn, sizes } from './layout.js'

export const drawing = document.querySelector('#drawing')
const canvas = element('g')
drawing.append(element('svg', { role: 'group', 'aria-label': 'Network' }, canvas))

export const state = {
  measure: measures.local,
  open: firstOpen(containers, innerWidth < 640 ? 20 : 45),
  /** Of a repeat, which instance is shown: the worst until one is chosen. */
  instances: new Map(),
  instanceOf: index => state.instances.get(index) ?? worstInstance(index),
  layouts: new Map(),
  selected: undefined,
  matches: new Set(),
}

/** Every node inside of a container, whatever is open. */
const insides = []
export function nodesInside(index) {
  insides[index] ??= containers[index].children.flatMap(
    ({ node, container }) => node ?? nodesInside(container),
  )
  return insides[index]
}

export function worstOf(nodes, measure = state.measure) {
  let worst = null
  for (const node of nodes) {
    const value = measure.of(node)
    if (value !== null && !(value <= worst && worst !== null)) worst = value
  }
  return worst
}

export function worstInstance(index) {
  const values = containers[index].children.map(({ container }) => worstOf(nodesInside(container)) ?? -1)
  return values.indexOf(Math.max(...values))
}

/** Where a node lies: containers from the outermost in. */
const homes = new Map()
for (const [index, { children }] of containers.entries())
  for (const { node } of children) if (node !== undefined) homes.set(node, index)
function containersAround(index) {
  const around = []
  for (let at = index; at !== undefined; at = containers[at].parent) around.unshift(at)
  return around
}

/** Opens everything that a node lies in. */
export function reveal(node) {
  const around = containersAround(homes.get(node))
  for (const [depth, index] of around.entries()) {
    const parent = containers[around[depth - 1]]
    if (parent?.kind === 'repeat')
      state.instances.set(
        around[depth - 1],
        parent.children.findIndex(({ container }) => container === index),
      )
    else if (index !== 0) state.open.add(index)
  }
  state.layouts.clear()
}

export function forget(index) {
  for (const around of containersAround(index)) state.layouts.delete(around)
}

/** Where each box stands, by key: `n12` is a node, `c3` a container. */
let places = new Map()
const isDrawn = node => homes.has(node)

export function draw() {
  const focused = document.activeElement?.dataset?.key
  places = new Map()
  const layout = layoutOf(dagre, containers, 0, state)
  const parts = []
  drawInside(parts, layout, 0, 0, 0)
  canvas.replaceChildren(...parts)
  if (focused) canvas.querySelector(`[data-key="${focused}"]`)?.focus({ preventScroll: true })
  return layout
}

function drawInside(parts, layout, index, left, top) {
  const key = child => (child.node === undefined ? `c${child.container}` : `n${child.node}`)
  const { children } = containers[shownIn(containers, index, state.instanceOf)]
  const isSelected = place => children[place] && key(children[place]) === state.selected
  const lines = layout.edges.map(({ from, to, points }) =>
    element('path', {
      class: isSelected(from) || isSelected(to) ? 'edge on' : 'edge',
      d: curve(points.map(([x, y]) => [x + left, y + top])),
    }),
  )
  const boxes = []
  for (const { child, inner, x, y, width, height } of layout.boxes) {
    const place = { x: x + left, y: y + top, width, height }
    places.set(key(child), place)
    if (inner) {
      boxes.push(...openBox(child.container, place))
      drawInside(boxes, inner, child.container, place.x, place.y)
    } else boxes.push(child.node === undefined ? closedBox(child.container, place) : leafBox(child, place))
  }
  for (const { x, y, width } of layout.ports)
    boxes.push(
      element('circle', { class: 'port', cx: x + left + width / 2, cy: y + top + width / 2, r: width / 2 }),
    )
  parts.push(...lines, ...boxes)
}

function leafBox({ node, name }, { x, y, width, height }) {
  const value = state.measure.of(node)
  const inside = name ?? (columns.shape[node] || columns.label[node])
  return button(
    `n${node}`,
    `leaf ${heat(state.measure, value)}`,
    `#${columns.id[node]} ${nameOf(node)}${value === null ? ', not looked at' : ''}`,
    undefined,
    { x, y },
    element('rect', { class: 'face', width, height, rx: 5 }),
    label(9, 16, columns.operator[node], width - 66, 'name'),
    label(width - 8, 16, value === null ? '' : state.measure.text(value), 60, 'value', 'end'),
    label(9, 30, inside, width - 16, 'sub'),
  )
}

function closedBox(index, { x, y, width, height }) {
  const { name, kind, children } = containers[index]
  const nodes = nodesInside(index)
  const value = worstOf(nodes)
  const times = kind === 'repeat' ? `×${children.length}` : ''
  const title = name || titleOf(index)
  return button(
    `c${index}`,
    `closed ${kind} ${heat(state.measure, value)}`,
    `${title}: the worst of its nodes`,
    false,
    { x, y },
    ...(kind === 'repeat'
      ? [
          element('rect', { class: 'face behind', x: 6, y: 6, width: width - 6, height: height - 6, rx: 6 }),
          element('rect', { class: 'face behind', x: 3, y: 3, width: width - 6, height: height - 6, rx: 6 }),
        ]
      : []),
    element('rect', {
      class: 'face',
      width: kind === 'repeat' ? width - 6 : width,
      height: kind === 'repeat' ? height - 6 : height,
      rx: 6,
    }),
    label(9, 17, `▸ ${title}`, width - (times ? 60 : 18), 'name'),
    label(width - 14, 17, times, 50, 'name', 'end'),
    label(9, 32, nodesText(nodes.length), width / 2, 'sub'),
    label(width - 14, 32, value === null ? '' : state.measure.text(value), width / 2, 'value', 'end'),
    ...(kind === 'repeat' ? strip(index, 8, 38, width - 22, 6) : []),
  )
}

/** An open container: its border, and a header that folds it. */
function openBox(index, { x, y, width, height }) {
  const { name, kind, children } = containers[index]
  const title = name || titleOf(index)
  const which =
    kind === 'repeat' ? ` ×${children.length}: ${instanceName(index, state.instanceOf(index))}` : ''
  return [
    element('rect', {
      class: `around ${kind} ${state.selected === `c${index}` ? 'selected' : ''}`,
      x,
      y,
      width,
      height,
      rx: 8,
    }),
    button(
      `c${index}`,
      'header',
      `${title}${which}`,
      true,
      { x, y },
      element('rect', { class: 'grip', width, height: sizes.header - 4, rx: 8 }),
      label(10, 16, `▾ ${title}${which}`, width - 20, 'name'),
    ),
    ...(kind === 'repeat' ? strip(index, x + 10, y + sizes.header - 2, width - 20, 10) : []),
  ]
}

/** A cell for each instance of a repeat, coloured by its worst node. */
function strip(index, x, y, width, height) {
  const { children } = containers[index]
  const step = width / children.length
  return children.map(({ container }, place) => {
    const value = worstOf(nodesInside(container))
    const shown = state.open.has(index) && state.instanceOf(index) === place
    const cell = element(
      'rect',
      {
        class: `cell face ${heat(state.measure, value)} ${shown ? 'shown' : ''}`,
        'data-repeat': index,
        'data-place': place,
        ...{ x: x + place * step, y, width: Math.max(1, step - (step > 5 ? 1.5 : 0)), height },
      },
      element('title', {}, `${instanceName(index, place)}: ${state.measure.text(value)}`),
    )
    return cell
  })
}

export function instanceName(index, place) {
  const { name } = containers[containers[index].children[place].container]
  return /^\D*$/.test(name) ? `${name} ${place + 1}`.trim() : name
}

/** What a container without a name is called: by the operators that it begins and ends with. */
export function titleOf(index) {
  const nodes = nodesInside(
    containers[index].kind === 'repeat' ? containers[index].children[0].container : index,
  )
  return `${columns.operator[nodes[0]]} … ${columns.operator[nodes.at(-1)]}`
}

/** A box that acts. What stands in it is its name, `told` what does not; `expanded` of a container whether it is open. */
function button(key, classes, told, expanded, { x, y }, ...children) {
  return element(
    'g',
    {
      class: `box ${classes} ${state.selected === key ? 'selected' : ''} ${matched(key) ? 'match' : ''}`,
      ...{ role: 'button', tabindex: 0, 'aria-description': told, 'data-key': key },
      ...{ 'aria-expanded': expanded, transform: `translate(${x} ${y})` },
    },
    ...children.flatMap(child => [child, ' ']),
  )
}

function matched(key) {
  if (state.matches.size === 0) return false
  const index = Number(key.slice(1))
  return key[0] === 'n' ? state.matches.has(index) : nodesInside(index).some(node => state.matches.has(node))
}

const pen = document.createElement('canvas').getContext('2d')
pen.font = '600 12px system-ui, sans-serif'
const widths = new Map()

/** Text that fits. */
function label(x, y, text, room, classes, anchor = 'start') {
  let shown = text
  const width = part => {
    if (!widths.has(part)) widths.set(part, pen.measureText(part).width)
    return widths.get(part)
  }
  if (width(text) > room) {
    // of an operator the beginning tells most, of what a module is called the end
    const [, mark, rest] = /^([▸▾] )?(.*)$/.exec(text)
    const fromEnd = mark !== undefined || classes === 'sub'
    const cut = count => (fromEnd ? `${mark ?? ''}…${rest.slice(-count)}` : `${rest.slice(0, count)}…`)
    let kept = rest.length
    do {
      kept--
      shown = cut(kept)
    } while (kept > 1 && width(shown) > room)
  }
  return element('text', { x, y, class: classes, 'text-anchor': anchor }, shown)
}

// ── zoom and pan
const view = { x: 0, y: 0, scale: 1 }
const bounds = () => drawing.getBoundingClientRect()

function show() {
  canvas.setAttribute(
    'transform',
    `translate(${view.x.toFixed(1)} ${view.y.toFixed(1)}) scale(${view.scale.toFixed(4)})`,
  )
}

export function zoom(factor, x = bounds().width / 2, y = bounds().height / 2) {
  const scale = Math.min(4, Math.max(0.03, view.scale * factor))
  view.x = x - ((x - view.x) * scale) / view.scale
  view.y = y - ((y - view.y) * scale) / view.scale
  view.scale = scale
  show()
}

/** Shows everything; at first only what can be read of it, from its beginning on. */
export function fitAll(legible = false) {
  const { width, height } = layoutOf(dagre, containers, 0, state)
  const room = bounds()
  const [across, down] = [(room.width - 24) / width, (room.height - 24) / height]
  view.scale = Math.min(
    1.1,
    legible ? Math.max(0.35, Math.min(across, Math.max(0.75, down))) : Math.min(across, down),
  )
  view.x = (room.width - width * view.scale) / 2
  view.y = Math.max(12, (room.height - height * view.scale) / 2)
  show()
}

/** Brings a box into the middle, large enough to be read. */
export function centre(key) {
  const place = places.get(key)
  if (!place) return
  const room = bounds()
  if (view.scale < 0.7) view.scale = 0.9
  view.x = room.width / 2 - (place.x + place.width / 2) * view.scale
  view.y = room.height / 2 - (place.y + Math.min(place.height / 2, room.height / 3 / view.scale)) * view.scale
  show()
}

/** Keeps a box where it is on the screen while what is around it changes. */
export function keepingInPlace(key, change) {
  const before = places.get(key)
  change()
  const after = places.get(key)
  if (before && after) {
    view.x += (before.x + before.width / 2 - after.x - after.width / 2) * view.scale
    view.y += (before.y - after.y) * view.scale
    show()
  }
}

/** The innermost box that is seen of a node. */
export function seenOf(node) {
  if (!isDrawn(node)) return undefined
  if (places.has(`n${node}`)) return `n${node}`
  return containersAround(homes.get(node))
    .map(index => `c${index}`)
    .findLast(key => places.has(key))
}

const pointers = new Map()
let moved = 0
drawing.addEventListener('pointerdown', event => {
  if (pointers.size === 0) moved = 0
  pointers.set(event.pointerId, [event.clientX, event.clientY])
})
addEventListener('pointermove', event => {
  const before = pointers.get(event.pointerId)
  if (!before) return
  const now = [event.clientX, event.clientY]
  const other = [...pointers].find(([id]) => id !== event.pointerId)?.[1]
  const { left, top } = bounds()
  pointers.set(event.pointerId, now)
  moved += Math.hypot(now[0] - before[0], now[1] - before[1])
  if (moved < 4) return
  if (other) {
    const apart = ([x, y]) => Math.hypot(x - other[0], y - other[1])
    zoom(
      apart(now) / Math.max(1, apart(before)),
      (now[0] + other[0]) / 2 - left,
      (now[1] + other[1]) / 2 - top,
    )
    view.x += (now[0] - before[0]) / 2
    view.y += (now[1] - before[1]) / 2
  } else {
    view.x += now[0] - before[0]
    view.y += now[1] - before[1]
  }
  drawing.classList.add('moving')
  show()
})
for (const name of ['pointerup', 'pointercancel'])
  addEventListener(name, event => {
    pointers.delete(event.pointerId)
    drawing.classList.remove('moving')
  })
/** Whether the press that ended just now moved the drawing: then it is no click. */
export const wasMoved = () => moved >= 4

// a wheel over a drawing that was not touched scrolls the page
drawing.addEventListener(
  'wheel',
  event => {
    if (!event.ctrlKey && !event.metaKey && !drawing.contains(document.activeElement)) return
    event.preventDefault()
    const { left, top } = bounds()
    zoom(
      Math.exp(-event.deltaY * (event.deltaMode === 1 ? 0.05 : 0.002)),
      event.clientX - left,
      event.clientY - top,
    )
  },
  { passive: false },
)
drawing.addEventListener('keydown', event => {
  const steps = { ArrowLeft: [60, 0], ArrowRight: [-60, 0], ArrowUp: [0, 60], ArrowDown: [0, -60] }
  const step = steps[event.key]
  if (event.ctrlKey || event.metaKey || event.altKey) return
  if (step) {
    view.x += step[0]
    view.y += step[1]
    show()
  } else if (event.key === '+' || event.key === '=') zoom(1.25)
  else if (event.key === '-') zoom(0.8)
  else if (event.key === '0') fitAll()
  else return
  event.preventDefault()
})
// a box that is reached by Tab is brought into view
drawing.addEventListener('focusin', ({ target }) => {
  // the browser may scroll what holds the drawing, which has no scroll of its own
  drawing.scrollTo(0, 0)
  if (!target.matches?.(':focus-visible') || !target.dataset.key) return
  const [box, room] = [target.getBoundingClientRect(), bounds()]
  if (box.left < room.left || box.right > room.right || box.top < room.top || box.bottom > room.bottom)
    centre(target.dataset.key)
})
