import {
  type GraphProto,
  type ModelProto,
  type NodeProto,
  TensorProto_DataType,
  type TypeProto,
} from './gen/onnx_pb.ts'
import { attributeOf, bodiesOf, isStandard } from './nodes.ts'

const { FLOAT, UINT8, INT32, INT64, BOOL, STRING } = TensorProto_DataType

/** What a name stands for: the element type of a tensor, or a sequence, an optional or a map. */
export type ValueType = TensorProto_DataType | 'not a tensor'

/** The types of a graph's values. `undefined`: unknown, because an operator is not one of the standard's. */
export interface TypeTable {
  typeOf(name: string): ValueType | undefined
  /** Of the bodies inside this graph; they see the names of the graphs around them. */
  bodies: ReadonlyMap<GraphProto, TypeTable>
}

/**
 * The element type of every tensor in every scope, from the operators' own rules (specification of ONNX, operators up to
 * opset 25). What custom operators write is taken from `value_info`, and is unknown where that is silent.
 */
export function inferTypes(model: ModelProto): TypeTable {
  return inferGraph(model.graph!, () => undefined)
}

function inferGraph(
  graph: GraphProto,
  outer: (name: string) => ValueType | undefined,
  inputs: readonly (ValueType | undefined)[] = [],
): TypeTable {
  const own = new Map<string, ValueType>()
  const bodies = new Map<GraphProto, TypeTable>()
  const typeOf = (name: string) => own.get(name) ?? outer(name)
  const declared = new Map<string, ValueType>()
  for (const { name, type } of [...graph.valueInfo, ...graph.output]) {
    const known = declaredType(type)
    if (known !== undefined) declared.set(name, known)
  }
  for (const [index, { name, type }] of graph.input.entries()) {
    const known = declaredType(type) ?? inputs[index]
    if (known !== undefined) own.set(name, known)
  }
  for (const { name, dataType } of graph.initializer) own.set(name, dataType)
  for (const { values } of graph.sparseInitializer) if (values) own.set(values.name, values.dataType)

  for (const node of graph.node) {
    const given = node.input.map(name => (name === '' ? undefined : typeOf(name)))
    const tables = bodiesOf(node).map(body => {
      const table = inferGraph(body, typeOf, bodyInputs(node, given))
      bodies.set(body, table)
      for (const [inner, innerTable] of table.bodies) bodies.set(inner, innerTable)
      return { body, table }
    })
    const types = outputTypes(node, given, tables)
    for (const [index, name] of node.output.entries()) {
      if (name === '') continue
      const type = types?.[index] ?? declared.get(name) ?? (types ? undefined : fallback(node, given))
      if (type !== undefined) own.set(name, type)
    }
  }
  return { typeOf, bodies }
}

function declaredType(type: TypeProto | undefined): ValueType | undefined {
  if (type?.value.case === undefined) return undefined
  if (type.value.case !== 'tensorType') return 'not a tensor'
  const { elemType } = type.value.value
  return elemType === TensorProto_DataType.UNDEFINED ? undefined : elemType
}

/** Loop hands its body the iteration, the condition and the carried values; Scan its states, then slices. */
function bodyInputs(
  { opType }: NodeProto,
  given: readonly (ValueType | undefined)[],
): readonly (ValueType | undefined)[] {
  return opType === 'Loop' ? [INT64, BOOL, ...given.slice(2)] : opType === 'Scan' ? given : []
}

/** An operator of the standard that has no rule of its own gives what its first input is. */
function fallback(node: NodeProto, given: readonly (ValueType | undefined)[]): ValueType | undefined {
  return isStandard(node.domain) || node.domain === 'com.microsoft'
    ? given.find(type => type !== undefined)
    : undefined
}

type Given = readonly (ValueType | undefined)[]
type Types = readonly (ValueType | undefined)[]
const always =
  (...types: ValueType[]) =>
  (): Types =>
    types
/** The type that an attribute names, else another. */
const named = (node: NodeProto, attribute: string, otherwise: ValueType | undefined): Types => {
  const value = attributeOf(node, attribute)?.i
  return [value === undefined || value === 0n ? otherwise : (Number(value) as TensorProto_DataType)]
}

const rules: Record<string, (given: Given, node: NodeProto) => Types> = {
  ArgMax: always(INT64),
  ArgMin: always(INT64),
  NonZero: always(INT64),
  NonMaxSuppression: always(INT64),
  Shape: always(INT64),
  Size: always(INT64),
  SequenceLength: always(INT64),
  And: always(BOOL),
  Equal: always(BOOL),
  Greater: always(BOOL),
  GreaterOrEqual: always(BOOL),
  IsInf: always(BOOL),
  IsNaN: always(BOOL),
  Less: always(BOOL),
  LessOrEqual: always(BOOL),
  Not: always(BOOL),
  OptionalHasElement: always(BOOL),
  Or: always(BOOL),
  RegexFullMatch: always(BOOL),
  Xor: always(BOOL),
  ConvInteger: always(INT32),
  MatMulInteger: always(INT32),
  DynamicQuantizeLinear: always(UINT8, FLOAT, UINT8),
  ImageDecoder: always(UINT8),
  StringConcat: always(STRING),
  StringNormalizer: always(STRING),
  StringSplit: always(STRING, INT64),
  TfIdfVectorizer: always(FLOAT),
  Optional: always('not a tensor'),
  SequenceConstruct: always('not a tensor'),
  SequenceEmpty: always('not a tensor'),
  SequenceErase: always('not a tensor'),
  SequenceInsert: always('not a tensor'),
  SequenceMap: always('not a tensor'),
  SplitToSequence: always('not a tensor'),
  // the type of a sequence's elements is not followed: `value_info` tells it
  ConcatFromSequence: always(),
  OptionalGetElement: always(),
  SequenceAt: always(),
  Dropout: ([x]) => [x, BOOL],
  MaxPool: ([x]) => [x, INT64],
  TopK: ([x]) => [x, INT64],
  Unique: ([x]) => [x, INT64, INT64, INT64],
  LayerNormalization: ([x], node) => [x, ...repeated(named(node, 'stash_type', FLOAT)[0], 2)],
  Cast: (_, node) => named(node, 'to', undefined),
  BitCast: (_, node) => named(node, 'to', undefined),
  CastLike: ([, like]) => [like],
  Where: ([, x]) => [x],
  OneHot: ([, , values]) => [values],
  Constant: (_, node) => [constantType(node)],
  ConstantOfShape: (_, node) => [attributeOf(node, 'value')?.t?.dataType ?? FLOAT],
  EyeLike: ([x], node) => named(node, 'dtype', x),
  RandomNormal: (_, node) => named(node, 'dtype', FLOAT),
  RandomUniform: (_, node) => named(node, 'dtype', FLOAT),
  RandomNormalLike: ([x], node) => named(node, 'dtype', x),
  RandomUniformLike: ([x], node) => named(node, 'dtype', x),
  Bernoulli: ([x], node) => named(node, 'dtype', x),
  Multinomial: (_, node) => named(node, 'dtype', INT32),
  BlackmanWindow: (_, node) => named(node, 'output_datatype', FLOAT),
  HammingWindow: (_, node) => named(node, 'output_datatype', FLOAT),
  HannWindow: (_, node) => named(node, 'output_datatype', FLOAT),
  MelWeightMatrix: (_, node) => named(node, 'output_datatype', FLOAT),
  QuantizeLinear: ([, , zeroPoint], node) => named(node, 'output_dtype', zeroPoint ?? UINT8),
  DequantizeLinear: ([, scale], node) => named(node, 'output_dtype', scale),
  QLinearConv: given => [given[7]],
  QLinearMatMul: given => [given[7]],
}

/** Operators of ONNX Runtime's own that write what they read; its quantising ones do not. */
const sameAsInput: ReadonlySet<string> = new Set([
  'Attention',
  'BiasAdd',
  'BiasGelu',
  'BiasSplitGelu',
  'FastGelu',
  'FusedConv',
  'FusedGemm',
  'FusedMatMul',
  'Gelu',
  'GroupNorm',
  'MultiHeadAttention',
  'NhwcConv',
  'QuickGelu',
  'RotaryEmbedding',
  'SkipGroupNorm',
  'SkipLayerNormalization',
])

const repeated = (type: ValueType | undefined, times: number): Types =>
  Array.from({ length: times }, () => type)

/** `undefined`: the operator has no rule of its own. An entry that is `undefined`: the rule does not know. */
function outputTypes(
  node: NodeProto,
  given: Given,
  bodies: readonly { body: GraphProto; table: TypeTable }[],
): Types | undefined {
  if (node.domain === 'com.microsoft') return sameAsInput.has(node.opType) ? undefined : []
  if (!isStandard(node.domain)) return []
  if (['If', 'Loop', 'Scan'].includes(node.opType) && bodies.length > 0) {
    const { body, table } = bodies[0]!
    const types = body.output.map(({ name, type }) => table.typeOf(name) ?? declaredType(type))
    // a Loop's body tells first whether to go on
    return node.opType === 'Loop' ? types.slice(1) : types
  }
  return rules[node.opType]?.(given, node)
}

function constantType({ attribute }: NodeProto): ValueType | undefined {
  for (const { name, t, sparseTensor } of attribute) {
    if (name === 'value') return t?.dataType
    if (name === 'sparse_value') return sparseTensor?.values?.dataType
    if (name.startsWith('value_float')) return FLOAT
    if (name.startsWith('value_int')) return INT64
    if (name.startsWith('value_string')) return STRING
  }
  return undefined
}
