import type { FloatArray } from '../depth/depth-map.ts'
import { tensorShapes } from '../engines/onnxruntime/shapes.ts'
import { type TapInput, type TapOptions, tap } from '../engines/onnxruntime/tap.ts'
import { sumInFp16 } from '../precision/accumulate.ts'
import { exact } from '../precision/operators.ts'
import type { Probe, ProbedTensor } from '../precision/probe.ts'
import { moduleOf, nodeLabel } from './label.ts'
import { MagnitudeCounts, type TensorMagnitudes } from './magnitudes.ts'
import { type TensorError, tensorError, worstOf } from './tensor-error.ts'

/** What one reduced node costs, over all scenes; of a node with several results the worst. */
export interface NodeError {
  /** Its place in the model, such as `12`. */
  id: string
  /** Its name, else the weight that it reads, else the tensor that it writes. */
  label: string
  /** The PyTorch module that it came from, where the export kept it. */
  module?: string
  operator: string
  tensor: string
  /** Lengths of the tensor's axes, in the first scene. */
  shape: readonly number[]
  /** The node alone in the format, out of what FP32 computed. */
  local: TensorError
  /** The network as a whole in the format, up to here. */
  accumulated: TensorError
  /** What summing in FP16 adds to the local error, of FP32's root mean square; only of products summed so. */
  sums?: number
  /** The accumulated error on the engine that the output is judged on, where that can be looked into. */
  onEngine?: TensorError
  /** How large values and errors are; only of the tensors that lose most. */
  magnitudes?: TensorMagnitudes
}

/** Of so many tensors with the largest local error, and as many with the largest accumulated one, magnitudes are told. */
const told = 8

/**
 * The local and the accumulated error of every node that a precision changes, in the order of the network, on the CPU.
 * Tensors are fetched in batches, so that memory is bounded whatever the network's size.
 * @param onnx how errors call the model; external data lie beside it
 */
export async function nodeErrors(
  probed: Probe,
  scenes: readonly TapInput[],
  onnx: string,
  options?: TapOptions,
): Promise<NodeError[]> {
  if (probed.sums.size > 0) {
    const shapes = await tensorShapes(probed.model, onnx)
    sumInFp16(
      probed.model,
      name => shapes.get(name),
      node => probed.sums.has(node),
    )
  }
  const collect = new Collector()
  const tensors = probed.nodes.flatMap(node => node.tensors)
  for (const tensor of tensors) collect.expect(tensor)
  const names = tensors.flatMap(tensor => Object.values(tensor))
  await tap(
    probed.model,
    [...new Set(names)],
    scenes,
    (name, scene, { data, shape }) => collect.take(name, scene, data, shape),
    onnx,
    options,
  )
  const nodes = probed.nodes.map(({ placed, tensors: written }): NodeError & { of: ProbedTensor } => {
    const found = written.map(tensor => ({ tensor, ...collect.of(tensor) }))
    const module = moduleOf(placed.node)
    const worst = found.reduce((a, b) => (b.local.relative > a.local.relative ? b : a))
    return {
      id: placed.id,
      label: nodeLabel(placed),
      ...(module !== undefined && { module }),
      operator: placed.node.opType,
      tensor: worst.tensor.full,
      shape: worst.shape,
      local: worst.local,
      accumulated: worst.accumulated,
      ...(worst.sums !== undefined && { sums: worst.sums }),
      of: worst.tensor,
    }
  })
  const worst = worstNodes(nodes, told)
  return nodes.map(({ of, ...node }) => ({
    ...node,
    ...(worst.has(node.id) && { magnitudes: collect.of(of).magnitudes.summary() }),
  }))
}

/** Places of the nodes that lose most, alone and up to there. What only moves values is left to the node that wrote them. Pure. */
function worstNodes(nodes: readonly NodeError[], count: number): Set<string> {
  const computing = nodes.filter(({ operator }) => !exact.has(operator))
  const by = (of: (node: NodeError) => TensorError) =>
    computing
      .filter(node => of(node).relative > 0)
      .sort((a, b) => of(b).relative - of(a).relative || 0)
      .slice(0, count)
  return new Set([...by(({ local }) => local), ...by(({ accumulated }) => accumulated)].map(({ id }) => id))
}

interface Found {
  shape: readonly number[]
  local: TensorError
  accumulated: TensorError
  sums?: number
  magnitudes: MagnitudeCounts
}

/** Puts together what arrives tensor by tensor; lets go of it as soon as all that belongs together is there. */
class Collector {
  readonly #waitingFor = new Map<string, ProbedTensor[]>()
  readonly #arrived = new Map<string, Map<string, FloatArray>>()
  readonly #found = new Map<ProbedTensor, Found>()

  expect(tensor: ProbedTensor): void {
    for (const name of new Set(Object.values(tensor)))
      this.#waitingFor.set(name, [...(this.#waitingFor.get(name) ?? []), tensor])
  }

  take(name: string, scene: string, values: FloatArray, shape: readonly number[]): void {
    for (const tensor of this.#waitingFor.get(name)!) {
      const key = `${scene}\n${tensor.full}`
      const arrived = this.#arrived.get(key) ?? new Map()
      arrived.set(name, values)
      this.#arrived.set(key, arrived)
      if (arrived.size < new Set(Object.values(tensor)).size) continue
      this.#arrived.delete(key)
      this.#fold(tensor, arrived, shape)
    }
  }

  #fold(tensor: ProbedTensor, values: ReadonlyMap<string, FloatArray>, shape: readonly number[]): void {
    const full = values.get(tensor.full)!
    const local = values.get(tensor.local)!
    const emulated = values.get(tensor.emulated)!
    const before = this.#found.get(tensor)
    const magnitudes = before?.magnitudes ?? new MagnitudeCounts()
    magnitudes.take(full, local, emulated)
    const now: Found = {
      shape,
      local: tensorError(full, local),
      accumulated: tensorError(full, emulated),
      magnitudes,
      ...(tensor.summed !== undefined && { sums: addedShare(full, local, values.get(tensor.summed)!) }),
    }
    this.#found.set(
      tensor,
      before
        ? {
            ...before,
            local: worstOf(before.local, now.local),
            accumulated: worstOf(before.accumulated, now.accumulated),
            ...(now.sums !== undefined && { sums: Math.max(before.sums!, now.sums) }),
          }
        : now,
    )
  }

  of(tensor: ProbedTensor): Found {
    return this.#found.get(tensor)!
  }
}

/** Root mean square of b − a as a share of that of `full`. */
function addedShare(full: FloatArray, a: FloatArray, b: FloatArray): number {
  let [power, difference] = [0, 0]
  for (let i = 0; i < full.length; i++) {
    power += full[i]! ** 2
    difference += (b[i]! - a[i]!) ** 2
  }
  const added = Math.sqrt(difference / power)
  return difference === 0 ? 0 : Number.isNaN(added) ? Number.POSITIVE_INFINITY : added
}
