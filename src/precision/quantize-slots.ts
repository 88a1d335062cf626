import { type NodeProto, TensorProto_DataType } from '../onnx/gen/onnx_pb.ts'
import { attributeOf } from '../onnx/nodes.ts'
import type { ValueType } from '../onnx/types.ts'

/** An input of a node that reads a quantised tensor. */
export type QuantizedSlot =
  | { slot: number; kind: 'activation' }
  /** `axis`: of the channels, each of which has a scale of its own; undefined: one scale for all. */
  | { slot: number; kind: 'weight'; axis: number | undefined }

/** What becomes of a product: some of its inputs are quantised, or it is not for a reason. */
export type QuantizeFate = { type: 'quantized'; slots: QuantizedSlot[] } | { type: 'kept'; reason: string }

export interface SlotRequest {
  /** The dims of a constant; undefined for what is computed. */
  dimsOf: (tensor: string) => readonly number[] | undefined
  typeOf: (tensor: string) => ValueType | undefined
  /** Whether products of two activations are quantised. */
  attention: boolean
  /** Whether weights have one scale a channel. */
  perChannel: boolean
}

/** Decides which inputs of a Conv, ConvTranspose, Gemm or MatMul are quantised. A bias, the third, never is. Pure. */
export function slotsOf(
  node: NodeProto,
  { dimsOf, typeOf, attention, perChannel }: SlotRequest,
): QuantizeFate {
  const [left = '', right = ''] = node.input
  const types = [typeOf(left), typeOf(right)].filter(type => type !== undefined)
  if (types.length === 0 || types.some(type => type !== TensorProto_DataType.FLOAT))
    return { type: 'kept', reason: 'it does not compute in float32' }
  const activation = (slot: number) => ({ slot, kind: 'activation' }) as const
  const dims = dimsOf(right)
  if (dims && dimsOf(left)) return { type: 'kept', reason: 'all that it reads is constant' }
  if (dims) {
    const axis = perChannel ? channelAxis(node, dims) : undefined
    return { type: 'quantized', slots: [activation(0), { slot: 1, kind: 'weight', axis }] }
  }
  if (node.opType === 'Conv' || node.opType === 'ConvTranspose')
    return { type: 'kept', reason: 'its weight is computed in the graph' }
  if (dimsOf(left))
    return { type: 'quantized', slots: [{ slot: 0, kind: 'weight', axis: undefined }, activation(1)] }
  return attention
    ? { type: 'quantized', slots: [activation(0), activation(1)] }
    : { type: 'kept', reason: 'a product of two activations' }
}

/** The axis of a weight, the second input, along which lie the channels of the result. */
function channelAxis(node: NodeProto, dims: readonly number[]): number | undefined {
  switch (node.opType) {
    case 'Conv':
      return 0
    case 'ConvTranspose':
      // a grouped one has the channels of a group only: no axis is that of the result
      return (attributeOf(node, 'group')?.i ?? 1n) === 1n ? 1 : undefined
    case 'Gemm':
      return (attributeOf(node, 'transB')?.i ?? 0n) === 0n ? 1 : 0
    default:
      // ONNX Runtime's fused kernels take scales for each column from a matrix only, not from a batch of them
      return dims.length === 2 ? 1 : undefined
  }
}
