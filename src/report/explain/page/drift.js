// The drift along the network: a curve that is drawn anew for each width of the page.
import { columns, data, element, full, measures, nameOf, short } from './figures.js'
import { goTo } from './panel.js'

const drift = document.querySelector('#drift')
const told = document.querySelector('#drift-told')
const nodes = columns.id.flatMap((_, node) => (columns.local[node] === null ? [] : [node]))
const curves = ['local', ...(measures.engine ? ['engine'] : []), 'accumulated']
const room = { left: 46, right: 8, top: 14, bottom: 22 }
const height = 240

function drawDrift() {
  const width = drift.clientWidth
  // a page that is not shown has none
  if (width === 0) return
  const values = curves.flatMap(name => nodes.map(node => columns[name][node]))
  const finite = values.filter(value => value > 0 && Number.isFinite(value)).sort((a, b) => a - b)
  const infinite = values.includes(Number.POSITIVE_INFINITY)
  const top = Math.ceil(Math.log10(finite.at(-1) ?? 1)) + (infinite ? 1 : 0)
  const bottom = Math.max(top - 8, Math.floor(Math.log10(finite[Math.floor(finite.length / 50)] ?? 1e-3)))
  const x = place => room.left + ((width - room.left - room.right) * (place + 0.5)) / nodes.length
  const y = value => {
    const power = Math.min(top, Math.max(bottom, Math.log10(value)))
    return room.top + ((height - room.top - room.bottom) * (top - power)) / (top - bottom)
  }
  const svg = element('svg', {
    class: 'chart',
    viewBox: `0 0 ${width} ${height}`,
    width,
    height,
    role: 'img',
    'aria-label': summary(),
  })
  svg.append(...bands(x))
  for (let power = bottom; power <= top; power++) {
    const at = y(10 ** power)
    svg.append(
      element('line', { class: 'grid', x1: room.left, x2: width - room.right, y1: at, y2: at }),
      element(
        'text',
        { x: room.left - 6, y: at + 4, 'text-anchor': 'end' },
        infinite && power === top ? '∞' : short(10 ** power),
      ),
    )
  }
  for (const name of curves)
    svg.append(
      element('polyline', {
        class: name,
        points: envelope(name, x, width)
          .map(([at, value]) => `${at.toFixed(1)},${y(value).toFixed(1)}`)
          .join(' '),
      }),
    )
  const hair = element('line', {
    class: 'hair',
    y1: room.top,
    y2: height - room.bottom,
    visibility: 'hidden',
  })
  svg.append(hair)
  svg.addEventListener('pointermove', event => {
    const place = placeAt(event)
    hair.setAttribute('visibility', 'visible')
    for (const end of ['x1', 'x2']) hair.setAttribute(end, x(place))
    const node = nodes[place]
    told.textContent = `#${columns.id[node]} ${columns.operator[node]} ${nameOf(node)}: local ${full(columns.local[node])}, accumulated ${full(columns.accumulated[node])}${columns.engine[node] === null ? '' : `, on the engine ${full(columns.engine[node])}`}`
  })
  svg.addEventListener('click', event => {
    goTo(nodes[placeAt(event)])
    document.querySelector('.network').scrollIntoView({ block: 'nearest' })
  })
  drift.replaceChildren(svg)

  function placeAt({ clientX }) {
    const share = (clientX - svg.getBoundingClientRect().left - room.left) / (width - room.left - room.right)
    return Math.min(nodes.length - 1, Math.max(0, Math.floor(share * nodes.length)))
  }
}

/** The largest value of each pixel's nodes; what is not measured is left out. */
function envelope(name, x, width) {
  const points = []
  const step = Math.max(1, nodes.length / width)
  for (let from = 0; from < nodes.length; from += step) {
    const part = nodes.slice(Math.floor(from), Math.max(Math.floor(from) + 1, Math.floor(from + step)))
    const known = part
      .map(node => columns[name][node])
      .filter(value => value !== null && !Number.isNaN(value))
    if (known.length > 0) points.push([x(from), Math.max(...known)])
  }
  return points
}

/** Blocks of the network, shaded in turn, with their names where there is room. */
function bands(x) {
  const parts = []
  let [start, turn] = [0, 0]
  for (let place = 1; place <= nodes.length; place++) {
    if (place < nodes.length && columns.block[nodes[place]] === columns.block[nodes[start]]) continue
    const [left, right] = [x(start - 0.5), x(place - 0.5)]
    if (turn % 2 === 0)
      parts.push(
        element('rect', {
          class: 'band',
          x: left,
          y: room.top,
          width: right - left,
          height: height - room.top - room.bottom,
        }),
      )
    const name = data.blocks[columns.block[nodes[start]]].name.split('.').slice(-2).join('.')
    if (name.length * 6 < right - left)
      parts.push(element('text', { x: (left + right) / 2, y: height - 7, 'text-anchor': 'middle' }, name))
    start = place
    turn++
  }
  return parts
}

function summary() {
  const worst = name => nodes.reduce((a, b) => (columns[name][b] > columns[name][a] ? b : a), nodes[0])
  const text = name => {
    const node = worst(name)
    return `largest ${name} ${full(columns[name][node])} at #${columns.id[node]} ${columns.operator[node]}`
  }
  return `Drift along the network: ${text('local')}, ${text('accumulated')}`
}

if (drift) {
  drawDrift()
  new ResizeObserver(
    () => drift.firstElementChild?.getAttribute('width') !== String(drift.clientWidth) && drawDrift(),
  ).observe(drift)
}
