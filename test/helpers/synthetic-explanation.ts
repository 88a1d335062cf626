import type { Explanation } from '../../src/explain/explain.ts'
import { MagnitudeCounts } from '../../src/explain/magnitudes.ts'
import type { NetworkNode } from '../../src/explain/network.ts'
import type { NodeError } from '../../src/explain/node-errors.ts'

interface Shape {
  encoders: string[]
  /** Blocks of each encoder. */
  blocks: number
  levels: number
  /** Whether the export kept modules. */
  modules?: boolean
}

/** Operators of one block of a transformer, as an export writes them: `[module, operator, what it reads, counted back]`. */
const block: [module: string, operator: string, ...reads: number[]][] = [
  ...norm('norm1'),
  ...['query', 'key', 'value'].flatMap((name, i): [string, string, ...number[]][] => [
    [`attention.${name}`, 'MatMul', 1 + 4 * i],
    [`attention.${name}`, 'Add', 1],
    ['attention', 'Reshape', 1],
    ['attention', 'Transpose', 1],
  ]),
  ['attention', 'Transpose', 5],
  ['attention', 'Mul', 10],
  ['attention', 'MatMul', 1, 2],
  ['attention', 'Softmax', 1],
  ['attention', 'MatMul', 1, 5],
  ['attention', 'Transpose', 1],
  ['attention', 'Reshape', 1],
  ['attention.project', 'MatMul', 1],
  ['attention.project', 'Add', 1],
  ['scale1', 'Mul', 1],
  ['', 'Add', 1, 32],
  ...norm('norm2'),
  ['mlp.fc1', 'MatMul', 1],
  ['mlp.fc1', 'Add', 1],
  ['mlp.act', 'Div', 1],
  ['mlp.act', 'Erf', 1],
  ['mlp.act', 'Add', 1],
  ['mlp.act', 'Mul', 1, 4],
  ['mlp.act', 'Mul', 1],
  ['mlp.fc2', 'MatMul', 1],
  ['mlp.fc2', 'Add', 1],
  ['scale2', 'Mul', 1],
  ['', 'Add', 1, 20],
]

function norm(name: string): [string, string, ...number[]][] {
  return [
    [name, 'ReduceMean', 1],
    [name, 'Sub', 2, 1],
    [name, 'Pow', 1],
    [name, 'ReduceMean', 1],
    [name, 'Add', 1],
    [name, 'Sqrt', 1],
    [name, 'Div', 5, 1],
    [name, 'Mul', 1],
    [name, 'Add', 1],
  ]
}

/** What explain would find in a network of transformers and a decoder, made up; errors drift upwards, some stand out. */
export function syntheticExplanation({ encoders, blocks, levels, modules = true }: Shape): Explanation {
  const network: NetworkNode[] = []
  const nodes: NodeError[] = []
  const add = (module: string, operator: string, reads: number[], shape: number[]): number => {
    const id = network.length
    const named = modules && module !== '' ? { module } : {}
    const at = { id: String(id), label: `node_${operator}_${id}`, operator, ...named }
    network.push({ ...at, reads: reads.filter(read => read >= 0).map(String) })
    const wave = Math.abs(Math.sin(id * 12.9898) * 43758.5453) % 1
    const local = operator === 'Softmax' ? 2e-3 * (0.2 + wave) : 2e-4 * (0.5 + wave)
    const error = (relative: number) => ({
      ...{ relative, largest: 8 * wave, overflowed: 0, nan: 0, flushed: operator === 'Softmax' ? 12 : 0 },
      values: 100,
    })
    nodes.push({ ...at, tensor: `t${id}`, shape, local: error(local), accumulated: error(local + id * 1e-6) })
    return id
  }
  const ends = encoders.map(encoder => {
    let last = add(`${encoder}.embed`, 'Conv', [-1], [1, 1024, 24, 24])
    for (let i = 0; i < blocks; i++)
      for (const [module, operator, ...back] of block) {
        const path = [encoder, 'blocks', String(i), ...(module ? [module] : [])].join('.')
        last = add(
          path,
          operator,
          back.map(step => last + 1 - step),
          [1, 577, 1024],
        )
      }
    return last
  })
  let last = add('fuse', 'Concat', ends, [1, 2048, 24, 24])
  for (let level = 0; level < levels; level++) {
    const start = last
    for (const [module, operator] of [['conv1', 'Conv'], ['act', 'Relu'], ['conv2', 'Conv']] as const) // biome-ignore format: a row
      last = add(`decoder.levels.${level}.${module}`, operator, [last], [1, 256, 24 << level, 24 << level])
    last = add(`decoder.levels.${level}`, 'Add', [last, start], [1, 256, 24 << level, 24 << level])
  }
  add('head', 'Conv', [last], [1, 1, 768, 768])
  const counts = new MagnitudeCounts()
  const full = Float32Array.from({ length: 4000 }, (_, i) => Math.exp(3 * Math.sin(i * 1.7) - 4))
  const off = (share: number) => full.map((value, i) => value * (1 + share * Math.sin(i * 0.61)))
  counts.take(full, off(5e-4), off(3e-3))
  for (const node of nodes.filter(({ operator }) => operator === 'Softmax').slice(0, 4))
    node.magnitudes = counts.summary()
  const worst = { used: 1.4, scene: 'kitchen', limit: 'depth absRel' }
  return {
    ...{ model: 'made-up', precision: 'fp16', engine: 'cpu', scenes: ['kitchen'] },
    ...{ inPrecision: nodes.length, nodes, network, inBodies: [] },
    ...{ first: {}, broken: [], low: worst, fp32: { ...worst, used: 1e-3 } },
    units: nodes.slice(0, 60).map(({ id, label, operator, module }, i) => ({
      ...{ nodes: [id], label, operator, alone: 0.6 / (i + 1), sharedBy: 1 + (i % 3) },
      ...(module !== undefined && { module }),
      ...(i < 3 && { without: 1.2 }),
    })),
    sensitivity: { groups: [], splits: [] },
    trials: { run: 47, remembered: 3 },
  }
}
