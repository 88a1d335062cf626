import type { Group, Tree } from './fold.ts'

/** One box that can be opened, and what is seen inside. */
export interface Container {
  name: string
  kind: 'group' | 'repeat'
  /** The container that it lies in; the outermost has none. */
  parent?: number
  /** Of a repeat its instances, of which one is shown at a time; otherwise what is inside, in the order of the network. */
  children: Child[]
  /** Which of its children reads which: places in `children`, written before read. */
  edges: [from: number, to: number][]
  /** Children that read what is outside. */
  ins: number[]
  /** Children that are read from outside. */
  outs: number[]
}

export type Child = { node: number; name?: string } | { container: number }

/**
 * Lays a tree out as a list of containers, the outermost first, and finds for each what is joined inside of it. An edge
 * between two nodes is drawn in the innermost container that holds both, and ends at the border of each on the way. Pure.
 * @param reads for each node, the nodes that it reads
 */
export function containersOf(root: Group, reads: readonly (readonly number[])[]): Container[] {
  const containers: Container[] = []
  /** For each node, where it is: containers from the outermost in, and the place in each. */
  const paths: [container: number, place: number][][] = []
  add(root, undefined, [])
  const seen = containers.map(() => ({
    edges: new Set<string>(),
    ins: new Set<number>(),
    outs: new Set<number>(),
  }))
  for (const [to, sources] of reads.entries()) for (const from of sources) join(paths[from]!, paths[to]!)
  for (const [i, container] of containers.entries()) {
    const { edges, ins, outs } = seen[i]!
    container.edges = [...edges].map(text => text.split(' ').map(Number) as [number, number])
    container.ins = [...ins]
    container.outs = [...outs]
  }
  return containers

  function add(
    tree: Exclude<Tree, { type: 'node' }>,
    parent: number | undefined,
    path: [number, number][],
  ): number {
    const index = containers.length
    const container: Container = {
      ...{ name: tree.name, kind: tree.type },
      ...(parent !== undefined && { parent }),
      ...{ children: [], edges: [], ins: [], outs: [] },
    }
    containers.push(container)
    const inside = tree.type === 'group' ? tree.children : tree.instances
    for (const [place, child] of inside.entries()) {
      const here: [number, number][] = [...path, [index, place]]
      if (child.type === 'node') {
        paths[child.index] = here
        container.children.push({ node: child.index, ...(child.name !== undefined && { name: child.name }) })
      } else container.children.push({ container: add(child, index, here) })
    }
    return index
  }

  function join(from: readonly [number, number][], to: readonly [number, number][]): void {
    let level = 0
    while (from[level]![1] === to[level]![1]) level++
    const [shared, place] = from[level]!
    seen[shared]!.edges.add(`${place} ${to[level]![1]}`)
    for (const [container, child] of from.slice(level + 1)) seen[container]!.outs.add(child)
    for (const [container, child] of to.slice(level + 1)) seen[container]!.ins.add(child)
  }
}
