import { clone } from '@bufbuild/protobuf'
import { type GraphProto, type ModelProto, type NodeProto, NodeProtoSchema } from '../onnx/gen/onnx_pb.ts'
import { freshNames, type PlacedNode, placedNodes, sortedNodes } from '../onnx/graph.ts'
import { castNode } from '../onnx/nodes.ts'
import { beside } from './beside.ts'
import { hoistConstants } from './constants.ts'
import { type Conversion, type Converted, convert, onnxType } from './convert.ts'
import { exact, products } from './operators.ts'

/** One result of a reduced node in the three networks of a probe. */
export interface ProbedTensor {
  /** Its name in the network itself, where FP32 computes it. */
  full: string
  /** In the network that is emulated as a whole. */
  emulated: string
  /** From this node alone in the format, out of what FP32 computed; summed in FP32. */
  local: string
  /** The same, summed as the recipe says; only of products that it sums in FP16. */
  summed?: string
}

export interface ProbedNode {
  /** As it stands in the FP32 model. */
  placed: PlacedNode
  tensors: ProbedTensor[]
}

export interface Probe {
  /** Computes the network in FP32, emulated as a whole, and node by node in the format. */
  model: ModelProto
  nodes: ProbedNode[]
  /** Products, of the emulated network and single ones, that are to be summed in FP16. */
  sums: ReadonlySet<NodeProto>
}

type ProbeChoice = Omit<Conversion, 'arithmetic' | 'accumulate'> & {
  /** Which products the emulation sums in FP16. */
  sumsLow?: (placed: PlacedNode) => boolean
}

/**
 * One model that computes a network three times over the same weights: in FP32; emulated in a format as a whole; and node
 * by node, each reduced node from FP32's tensors rounded to the format, its own result rounded too. What the second and
 * third lose against the first is the accumulated and the local error of every tensor, from one run.
 * @param read reads the FP32 model anew; both copies are changed
 */
export function probe(read: () => ModelProto, choice: ProbeChoice, file: string): Probe {
  const { sumsLow = () => false, ...conversion } = choice
  const [model, low] = [read(), read()]
  const graph = model.graph!
  const originals = new Map([...placedNodes(graph)].map(placed => [placed.id, placed]))
  const places = new Map([...placedNodes(low.graph!)].map(({ node, id }) => [node, originals.get(id)!]))
  const converted = convert(low, { ...conversion, arithmetic: 'emulated' }, file)
  hoistConstants(graph, file)
  graph.node = sortedNodes(graph, file)
  const weights = new Set(graph.initializer.map(({ name }) => name))
  graph.input = graph.input.filter(({ name }) => !weights.has(name))
  if (model.irVersion < low.irVersion) model.irVersion = low.irVersion

  const reduced = low.graph!.node.filter(node => converted.reduced.has(node))
  const single = new Singles(graph, converted, conversion.format)
  const sums = new Set<NodeProto>()
  const nodes = reduced.map(node => {
    const placed = places.get(node)!
    const tensors = single.add(placed.node, node)
    if (products.has(node.opType) && sumsLow(placed)) {
      sums.add(node)
      const before = single.nodes.length
      for (const [i, { local }] of single.add(placed.node, node).entries()) tensors[i]!.summed = local
      sums.add(single.nodes.slice(before).find(({ opType }) => opType === node.opType)!)
    }
    return { placed, tensors }
  })

  beside(model, low.graph!, single.nodes, nodes, single.fresh)
  return { model, nodes: nodes.filter(({ tensors }) => tensors.length > 0), sums }
}

/** Collects nodes that compute alone in the format. */
class Singles {
  readonly nodes: NodeProto[] = []
  readonly fresh: (name: string) => string
  readonly #converted: Converted
  readonly #weights: ReadonlySet<string>
  readonly #format: Conversion['format']
  readonly #rounded = new Map<string, string>()

  constructor(graph: GraphProto, converted: Converted, format: Conversion['format']) {
    this.fresh = freshNames(graph)
    this.#converted = converted
    this.#weights = new Set(converted.weights.map(({ tensor }) => tensor))
    this.#format = format
    // what the emulated network keeps for itself, its rounded weights, is not to be taken
    for (const name of converted.names.values()) this.fresh(name)
  }

  /** Adds a node as it is emulated, with its inputs from FP32. Returns its results that are of the format. */
  add(original: NodeProto, emulated: NodeProto): ProbedTensor[] {
    const node = clone(NodeProtoSchema, emulated)
    const tensors: ProbedTensor[] = []
    const after: NodeProto[] = []
    node.name = ''
    node.input = original.input.map((full, slot) =>
      emulated.input[slot] === full || this.#weights.has(full) ? emulated.input[slot]! : this.#round(full),
    )
    node.output = original.output.map((full, slot) => {
      if (full === '') return ''
      const raw = this.fresh(`${full}/alone`)
      if (emulated.output[slot] === full) return raw
      const local = exact.has(node.opType) ? raw : this.fresh(`${raw}/rounded`)
      if (local !== raw) after.push(...this.#casts(raw, local))
      tensors.push({ full, emulated: this.#converted.names.get(full)!, local })
      return raw
    })
    this.nodes.push(node, ...after)
    return tensors
  }

  /** FP32's tensor rounded to the format, made once. */
  #round(full: string): string {
    let name = this.#rounded.get(full)
    if (name === undefined) {
      name = this.fresh(`${full}/rounded`)
      this.#rounded.set(full, name)
      this.nodes.push(...this.#casts(full, name))
    }
    return name
  }

  #casts(from: string, to: string): NodeProto[] {
    const bits = this.fresh(`${to}/bits`)
    return [castNode(from, bits, onnxType[this.#format]), castNode(bits, to, onnxType.fp32)]
  }
}
