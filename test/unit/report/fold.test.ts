import { expect, test } from 'vitest'
import { containersOf } from '../../../src/report/explain/containers.ts'
import {
  commonName,
  type Foldable,
  foldNetwork,
  nodesIn,
  type Tree,
} from '../../../src/report/explain/fold.ts'

/** `MatMul`, or `encoder.blocks.0:MatMul` */
const nodes = (...texts: string[]): Foldable[] =>
  texts.map(text => {
    const [module, operator] = text.includes(':') ? text.split(':') : [undefined, text]
    return { operator: operator!, ...(module !== undefined && { module }), shape: [1, 4] }
  })
/** A tree in a line. */
const line = (tree: Tree): string =>
  tree.type === 'node'
    ? String(tree.index)
    : tree.type === 'group'
      ? `${tree.name}(${tree.children.map(line).join(' ')})`
      : `${tree.name}×${tree.instances.length}[${line(tree.instances[0]!)}]`

test('modules are groups; one that holds a single thing is that thing', () => {
  const found = foldNetwork(nodes('stem:Conv', 'head.a.b:Conv', 'head.a.b:Relu', 'head.c:Conv'))
  expect(line(found)).toBe('(0 head(a.b(1 2) 3))')
})

test('a node without a module stays with the one before it', () => {
  expect(line(foldNetwork(nodes('a:Conv', 'Add', 'b:Conv', 'Mul')))).toBe('(a(0 1) b(2 3))')
})

test('modules with the same operators and shapes are folded', () => {
  const block = (i: number) => [`blocks.${i}.mlp:MatMul`, `blocks.${i}.mlp:Gelu`, `blocks.${i}:Add`]
  const all = nodes(...[0, 1, 2, 3].flatMap(block), 'head:Conv')
  expect(line(foldNetwork(all))).toBe('(blocks.0–3×4[0(mlp(0 1) 2)] 12)')
  const other = all.map((node, i) => (i === 6 ? { ...node, shape: [1, 8] } : node))
  expect(line(foldNetwork(other))).toBe('(blocks(0–1×2[0(mlp(0 1) 2)] 2(mlp(6 7) 8) 3(mlp(9 10) 11)) 12)')
})

test('blocks are found where no module tells of them', () => {
  const block = ['LayerNormalization', 'MatMul', 'Softmax', 'MatMul', 'Add']
  const found = foldNetwork(nodes('Conv', ...block, ...block, ...block, 'Resize'))
  expect(line(found)).toBe('(0 ×3[(1 2 3 4 5)] 16)')
})

test('no node is lost or drawn twice, and nothing holds too many children', () => {
  const operators = ['Add', 'Mul', 'Conv', 'Relu', 'Exp']
  let seed = 1
  const random = () => {
    seed = (seed * 48271) % 2147483647
    return seed
  }
  const all = nodes(...Array.from({ length: 3000 }, () => operators[random() % 5]!))
  const found = foldNetwork(all)
  expect(nodesIn(found).sort((a, b) => a - b)).toEqual(all.map((_, i) => i))
  const widest = (tree: Tree): number =>
    tree.type === 'node'
      ? 0
      : Math.max(
          ...(tree.type === 'group'
            ? [tree.children.length, ...tree.children.map(widest)]
            : tree.instances.map(widest)),
        )
  expect(widest(found)).toBeLessThanOrEqual(60)
})

test.each([
  [['0', '1', '11'], '0–11'],
  [['block10', 'block11'], 'block10–11'],
  [['layer.0.attn', 'layer.1.attn'], 'layer.0–1.attn'],
  [['', ''], ''],
])('%j are called %s', (names, expected) => {
  expect(commonName(names)).toBe(expected)
})

test('an edge is drawn in the innermost box that holds both ends, and ends at the borders on its way', () => {
  // stem → a(1 → 2) → head, and past a from the stem to the head
  const root = foldNetwork(nodes('stem:Conv', 'a:MatMul', 'a:Add', 'head:Conv'))
  expect(containersOf(root, [[], [0], [1, 0], [2, 0]])).toEqual([
    {
      ...{
        name: '',
        kind: 'group',
        children: [{ node: 0, name: 'stem' }, { container: 1 }, { node: 3, name: 'head' }],
      },
      ...{ edges: [[0, 1], [1, 2], [0, 2]], ins: [], outs: [] }, // biome-ignore format: a row
    },
    {
      ...{ name: 'a', kind: 'group', parent: 0, children: [{ node: 1 }, { node: 2 }] },
      ...{ edges: [[0, 1]], ins: [0, 1], outs: [1] },
    },
  ])
})

test('instances of a repeat hold their own edges; what joins them is an edge of the repeat', () => {
  const block = (i: number) => [`b.${i}:MatMul`, `b.${i}:Gelu`, `b.${i}:Add`]
  const root = foldNetwork(nodes(...[0, 1, 2].flatMap(block), 'head:Conv'))
  const found = containersOf(root, [[], [0], [1, 0], [2], [3], [4, 3], [5], [6], [7, 6], [8]])
  expect(found[1]).toMatchObject({ name: 'b.0–2', kind: 'repeat', parent: 0, edges: [[0, 1], [1, 2]], outs: [2] }) // biome-ignore format: a row
  expect(found[3]).toMatchObject({ name: '1', parent: 1, edges: [[0, 1], [1, 2], [0, 2]], ins: [0], outs: [2] }) // biome-ignore format: a row
})
