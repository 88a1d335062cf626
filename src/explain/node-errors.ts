import type { FloatArray } from '../depth/depth-map.ts'
import { tensorShapes } from '../engines/onnxruntime/shapes.ts'
import { type TapInput, type TapOptions, tap } from '../engines/onnxruntime/tap.ts'
import { sumInFp16 } from '../precision/accumulate.ts'
import type { Probe, ProbedTensor } from '../precision/probe.ts'
import { moduleOf, nodeLabel } from './label.ts'
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
  /** The node alone in the format, out of what FP32 computed. */
  local: TensorError
  /** The network as a whole in the format, up to here. */
  accumulated: TensorError
  /** What summing in FP16 adds to the local error, of FP32's root mean square; only of products summed so. */
  sums?: number
  /** The accumulated error on the engine that the output is judged on, where that can be looked into. */
  onEngine?: TensorError
}

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
    (name, scene, { data }) => collect.take(name, scene, data),
    onnx,
    options,
  )
  return probed.nodes.map(({ placed, tensors: written }) => {
    const found = written.map(tensor => ({ tensor, ...collect.of(tensor) }))
    const module = moduleOf(placed.node)
    const worst = found.reduce((a, b) => (b.local.relative > a.local.relative ? b : a))
    return {
      id: placed.id,
      label: nodeLabel(placed),
      ...(module !== undefined && { module }),
      operator: placed.node.opType,
      tensor: worst.tensor.full,
      local: worst.local,
      accumulated: worst.accumulated,
      ...(worst.sums !== undefined && { sums: worst.sums }),
    }
  })
}

interface Found {
  local: TensorError
  accumulated: TensorError
  sums?: number
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

  take(name: string, scene: string, values: FloatArray): void {
    for (const tensor of this.#waitingFor.get(name)!) {
      const key = `${scene}\n${tensor.full}`
      const arrived = this.#arrived.get(key) ?? new Map()
      arrived.set(name, values)
      this.#arrived.set(key, arrived)
      if (arrived.size < new Set(Object.values(tensor)).size) continue
      this.#arrived.delete(key)
      this.#fold(tensor, arrived)
    }
  }

  #fold(tensor: ProbedTensor, values: ReadonlyMap<string, FloatArray>): void {
    const full = values.get(tensor.full)!
    const local = values.get(tensor.local)!
    const now: Found = {
      local: tensorError(full, local),
      accumulated: tensorError(full, values.get(tensor.emulated)!),
      ...(tensor.summed !== undefined && { sums: addedShare(full, local, values.get(tensor.summed)!) }),
    }
    const before = this.#found.get(tensor)
    this.#found.set(
      tensor,
      before
        ? {
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
