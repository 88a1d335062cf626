/** What is folded: a node by its place in a list, and what makes two alike. */
export interface Foldable {
  module?: string
  operator: string
  shape?: readonly number[]
}

/** A network as boxes within boxes. */
export type Tree =
  /** Of a module that holds nothing else, by its name. */
  | { type: 'node'; index: number; name?: string }
  | { type: 'group'; name: string; children: Tree[] }
  /** Groups one behind the other that have the same operators with the same shapes. */
  | { type: 'repeat'; name: string; instances: Group[] }

export type Group = Extract<Tree, { type: 'group' }>

/** A group with more children is cut into parts: nobody reads a drawing of hundreds, and its layout would take long. */
const mostChildren = 60
/** Repeats that would spare fewer nodes are left as they are. */
const leastSpared = 3

/**
 * Groups nodes by the modules that they belong to, and folds blocks that repeat, whether modules tell of them or not. A node
 * without a module stays with the one before it. Pure.
 * @param nodes in the order of the network
 */
export function foldNetwork(nodes: readonly Foldable[]): Group {
  const root = emptyModule()
  let path: string[] = []
  for (const [index, { module }] of nodes.entries()) {
    if (module !== undefined) path = module.split('.')
    let at = root
    for (const part of path) {
      let next = at.modules.get(part)
      if (!next) {
        next = emptyModule()
        at.modules.set(part, next)
        at.children.push({ name: part, module: next })
      }
      at = next
    }
    at.children.push(index)
  }
  const fold = new Folding(nodes)
  return { type: 'group', name: '', children: fold.children(root) }
}

interface Module {
  modules: Map<string, Module>
  /** In the order of the network; of a module by its first node. */
  children: (number | { name: string; module: Module })[]
}

function emptyModule(): Module {
  return { modules: new Map(), children: [] }
}

class Folding {
  readonly #nodes: readonly Foldable[]
  readonly #kinds = new Map<string, number>()
  readonly #known = new Map<Tree, { kind: number; size: number }>()

  constructor(nodes: readonly Foldable[]) {
    this.#nodes = nodes
  }

  children(module: Module): Tree[] {
    const trees = module.children.map(child =>
      typeof child === 'number'
        ? ({ type: 'node', index: child } as const)
        : this.#group(child.name, child.module),
    )
    return inParts(this.#repeats(trees))
  }

  /** A module; one that holds a single thing is that thing. */
  #group(name: string, module: Module): Tree {
    const children = this.children(module)
    const [only] = children as [Tree]
    if (children.length > 1) return { type: 'group', name, children }
    return { ...only, name: only.name ? `${name}.${only.name}` : name }
  }

  /** Folds runs of equal neighbours, what spares most first. */
  #repeats(trees: readonly Tree[]): Tree[] {
    const best = this.#bestRun(trees)
    if (!best) return [...trees]
    const { start, period, times } = best
    const end = start + period * times
    const instances = Array.from({ length: times }, (_, i) =>
      asGroup(trees.slice(start + i * period, start + (i + 1) * period)),
    )
    // a unit is folded inside as any other group
    for (const instance of instances)
      if (period > 1) instance.children = inParts(this.#repeats(instance.children))
    return [
      ...this.#repeats(trees.slice(0, start)),
      { type: 'repeat', name: commonName(instances.map(({ name }) => name)), instances },
      ...this.#repeats(trees.slice(end)),
    ]
  }

  #bestRun(trees: readonly Tree[]): { start: number; period: number; times: number } | undefined {
    const known = trees.map(tree => this.#know(tree))
    const before = [0]
    for (const { size } of known) before.push(before.at(-1)! + size)
    let best: { start: number; period: number; times: number } | undefined
    let most = leastSpared - 1
    for (let period = 1; period <= trees.length / 2; period++)
      for (let from = 0, i = 0; i <= trees.length - period; i++) {
        if (i < trees.length - period && known[i]!.kind === known[i + period]!.kind) continue
        const times = Math.floor((i - from) / period) + 1
        const unit = before[from + period]! - before[from]!
        const spared = unit * (times - 1)
        // one operator twice in a row is no block
        if (times > 1 && unit > 1 && spared > most) {
          best = { start: from, period, times }
          most = spared
        }
        from = i + 1
      }
    return best
  }

  /** A number for all that has the same operators and shapes in the same order, and how many nodes it holds. */
  #know(tree: Tree): { kind: number; size: number } {
    let known = this.#known.get(tree)
    if (!known) {
      const text = this.#describe(tree)
      const kind = this.#kinds.get(text) ?? this.#kinds.size
      this.#kinds.set(text, kind)
      known = { kind, size: nodesIn(tree).length }
      this.#known.set(tree, known)
    }
    return known
  }

  #describe(tree: Tree): string {
    if (tree.type === 'node') {
      const { operator, shape } = this.#nodes[tree.index]!
      return `${operator} ${shape ?? ''}`
    }
    const parts = tree.type === 'group' ? tree.children : tree.instances
    return `${tree.type} ${parts.map(part => this.#know(part).kind).join(' ')}`
  }
}

/** Places of the nodes in a tree, in order. */
export function nodesIn(tree: Tree): number[] {
  if (tree.type === 'node') return [tree.index]
  return (tree.type === 'group' ? tree.children : tree.instances).flatMap(nodesIn)
}

function asGroup(trees: Tree[]): Group {
  const [only] = trees as [Tree]
  if (trees.length === 1 && only.type === 'group') return only
  const named = trees.find(tree => tree.type !== 'node')
  return { type: 'group', name: (named as Group | undefined)?.name ?? '', children: trees }
}

/** `blocks.0`, `blocks.1`, `blocks.2` → `blocks.0–2`; without a name of their own, none. Pure. */
export function commonName(names: readonly string[]): string {
  const [first, last] = [names[0]!, names.at(-1)!]
  if (first === last) return first
  let same = 0
  while (first[same] === last[same]) same++
  // not within a number: 10–13, not 10–3
  while (same > 0 && /\d/.test(first[same - 1]!)) same--
  let tail = 0
  const room = Math.min(first.length, last.length) - same
  while (tail < room && first.at(-1 - tail) === last.at(-1 - tail) && !/\d/.test(first.at(-1 - tail)!)) tail++
  const cut = (text: string) => text.slice(same, text.length - tail)
  return `${first.slice(0, same)}${cut(first)}–${cut(last)}${first.slice(first.length - tail)}`
}

/** Too many children in parts of equal length, and those again. */
function inParts(children: Tree[]): Tree[] {
  if (children.length <= mostChildren) return children
  const parts = Math.ceil(children.length / (mostChildren / 2))
  const length = Math.ceil(children.length / parts)
  const groups = Array.from({ length: Math.ceil(children.length / length) }, (_, i): Group => {
    const part = children.slice(i * length, (i + 1) * length)
    return { type: 'group', name: `part ${i + 1}`, children: part }
  })
  return inParts(groups)
}
