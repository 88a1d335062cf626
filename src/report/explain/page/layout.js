// Where the boxes stand. Containers are laid out from the inside out, each by itself, so a click costs one or two of them.

/** Pixels. */
export const sizes = {
  leaf: [164, 38],
  group: [170, 40],
  repeat: [170, 54],
  header: 26,
  strip: 14,
  padding: 12,
  port: 6,
}

/** The children that a container shows: of a repeat those of the chosen instance. */
export function shownIn(containers, index, instanceOf) {
  const container = containers[index]
  return container.kind === 'repeat' ? container.children[instanceOf(index)].container : index
}

/**
 * Lays a container out as it stands open.
 * @returns its size, its children with their places in it, each with a layout of its own where it is open, and its edges
 */
export function layoutOf(dagre, containers, index, state) {
  const known = state.layouts.get(index)
  if (known) return known
  const { children, edges, ins, outs } = containers[shownIn(containers, index, state.instanceOf)]
  const graph = new dagre.graphlib.Graph()
  graph.setGraph({ rankdir: 'TB', nodesep: 16, ranksep: 24, edgesep: 8 })
  graph.setDefaultEdgeLabel(() => ({}))
  const inner = children.map(child =>
    child.container !== undefined && state.open.has(child.container)
      ? layoutOf(dagre, containers, child.container, state)
      : undefined,
  )
  for (const [place, child] of children.entries()) {
    const [width, height] = inner[place]
      ? [inner[place].width, inner[place].height]
      : sizes[child.container === undefined ? 'leaf' : containers[child.container].kind]
    graph.setNode(String(place), { width, height })
  }
  for (const [from, to] of edges) graph.setEdge(String(from), String(to))
  const ports = index === 0 ? [] : [...(ins.length > 0 ? ['in'] : []), ...(outs.length > 0 ? ['out'] : [])]
  for (const port of ports) graph.setNode(port, { width: sizes.port, height: sizes.port })
  if (index !== 0) {
    for (const place of ins) graph.setEdge('in', String(place))
    for (const place of outs) graph.setEdge(String(place), 'out')
  }
  dagre.layout(graph)
  const { kind } = containers[index]
  const [left, top] =
    index === 0 ? [0, 0] : [sizes.padding, sizes.header + (kind === 'repeat' ? sizes.strip : 0)]
  const box = name => {
    const { x, y, width, height } = graph.node(name)
    return { x: x - width / 2 + left, y: y - height / 2 + top, width, height }
  }
  const { width = 0, height = 0 } = graph.graph()
  const found = {
    width: Math.max(width + 2 * left, sizes.group[0] + 40),
    height: height + top + (index === 0 ? 0 : 6),
    boxes: children.map((child, place) => ({ child, inner: inner[place], ...box(String(place)) })),
    ports: ports.map(box),
    edges: graph.edges().map(({ v, w }) => ({
      from: v,
      to: w,
      points: graph.edge(v, w).points.map(({ x, y }) => [x + left, y + top]),
    })),
  }
  // a header may be wider than what is below it
  const shift = (found.width - width - 2 * left) / 2
  if (shift > 0) {
    for (const moved of [...found.boxes, ...found.ports]) moved.x += shift
    for (const { points } of found.edges) for (const point of points) point[0] += shift
  }
  state.layouts.set(index, found)
  return found
}

/** A soft curve through points. */
export function curve(points) {
  const [first, ...rest] = points
  const last = rest.pop()
  let path = `M${round(first)}`
  for (const [i, point] of rest.entries()) {
    const next = rest[i + 1] ?? last
    path += `Q${round(point)} ${i === rest.length - 1 ? round(last) : round([(point[0] + next[0]) / 2, (point[1] + next[1]) / 2])}`
  }
  return rest.length === 0 ? `${path}L${round(last)}` : path
}

function round([x, y]) {
  return `${x.toFixed(1)},${y.toFixed(1)}`
}

/** Containers to open at first: those nearest to the outside, the largest first, until so many boxes are seen. */
export function firstOpen(containers, most) {
  const size = index =>
    containers[index].children.reduce(
      (sum, { container }) => sum + (container === undefined ? 1 : size(container)),
      0,
    )
  const open = new Set()
  let seen = containers[0].children.length
  for (let level = [0]; level.length > 0; ) {
    // what repeats tells most while it is folded
    const inside = level
      .flatMap(index => containers[index].children.flatMap(({ container }) => container ?? []))
      .filter(index => containers[index].kind === 'group')
      .sort((a, b) => size(b) - size(a))
    level = []
    for (const index of inside) {
      const more = containers[index].children.length - 1
      if (seen + more > most) continue
      seen += more
      open.add(index)
      level.push(index)
    }
  }
  return open
}
