import type { RoundedFormat } from './round.ts'

// Facts of the ONNX specification, read from the operator schemas of onnx 1.23 (opset 28).

/** The first opset at which an operator takes fp16, where that is later than the operator itself; Infinity: never. */
const fp16Since: Record<string, number> = {
  Celu: 28,
  CumSum: 14,
  DequantizeLinear: 19,
  DynamicQuantizeLinear: Number.POSITIVE_INFINITY,
  IsInf: 20,
  NonMaxSuppression: Number.POSITIVE_INFINITY,
  QLinearConv: Number.POSITIVE_INFINITY,
  QLinearMatMul: 21,
  QuantizeLinear: 19,
  Range: 27,
  TfIdfVectorizer: Number.POSITIVE_INFINITY,
}

/** The same for bf16; 13 for every operator that is not named. */
const bf16Since = new Map<string, number>(
  (
    [
      [14, 'BatchNormalization CumSum Trilu'],
      [15, 'Bernoulli CastLike'],
      [16, 'GreaterOrEqual If LeakyRelu LessOrEqual Loop PRelu Scan Where'],
      [17, 'BlackmanWindow DFT HammingWindow HannWindow LayerNormalization MelWeightMatrix STFT'],
      [18, 'CenterCropPad Col2Im'],
      [19, 'DequantizeLinear QuantizeLinear'],
      [20, 'AffineGrid ConstantOfShape Gelu IsInf'],
      [21, 'GroupNormalization QLinearMatMul'],
      [
        22,
        'Acos Acosh Asin Asinh Atan Atanh AveragePool Conv ConvTranspose Cos Cosh DeformConv Det Elu EyeLike GRU GlobalAveragePool GlobalLpPool GlobalMaxPool GridSample HardSigmoid HardSwish InstanceNormalization LSTM LpNormalization LpPool MaxPool MaxRoiPool MaxUnpool Mish Multinomial NegativeLogLikelihoodLoss RNN RandomNormal RandomNormalLike RandomUniform RandomUniformLike RoiAlign Round Selu Sin Sinh Softplus Softsign Tan ThresholdedRelu',
      ],
      [23, 'Attention RMSNormalization RotaryEmbedding'],
      [24, 'SplitToSequence Swish TensorScatter TopK'],
      [26, 'BitCast CumProd'],
      [27, 'CausalConvWithState LinearAttention Range'],
      [
        28,
        'Celu Compress Einsum OneHot Optional OptionalGetElement OptionalHasElement ReverseSequence SwiGLU Unique',
      ],
      [
        Number.POSITIVE_INFINITY,
        'ConcatFromSequence DynamicQuantizeLinear NonMaxSuppression QLinearConv Scatter SequenceAt SequenceConstruct SequenceInsert SequenceMap Shrink TfIdfVectorizer Upsample',
      ],
    ] as const
  ).flatMap(([since, names]) => names.split(' ').map(name => [name, since] as const)),
)

/** The first opset at which an operator of the standard may compute in a format; Infinity: never. */
export function allowedSince(format: RoundedFormat, operator: string): number {
  return format === 'fp16' ? (fp16Since[operator] ?? 1) : (bf16Since.get(operator) ?? 13)
}

/** Inputs that stay float32 in a reduced node, by their index: sizes, coordinates and rates, not data. */
export function fixedInputs(operator: string, opset: number): readonly number[] {
  // before 12 base and exponent have one type, from 15 on the exponent may be bf16
  if (operator === 'Pow') return opset >= 12 && opset < 15 ? [1] : []
  return { Resize: [1, 2], Upsample: [1], Dropout: [1] }[operator] ?? []
}

/** Outputs that stay float32: mean and deviation of a LayerNormalization. */
export function fixedOutputs(operator: string): readonly number[] {
  return operator === 'LayerNormalization' ? [1, 2] : []
}

/** Operators that make values out of shapes, ranges or chance: their result is reduced, not they. */
export const sources: ReadonlySet<string> = new Set([
  'Bernoulli',
  'BlackmanWindow',
  'ConstantOfShape',
  'EyeLike',
  'HammingWindow',
  'HannWindow',
  'MelWeightMatrix',
  'RandomNormal',
  'RandomNormalLike',
  'RandomUniform',
  'RandomUniformLike',
  'Range',
])

/** Operators that quantise or compute with quantised numbers; the numbers beside them stay float32. */
export const quantising: ReadonlySet<string> = new Set([
  'ConvInteger',
  'DequantizeLinear',
  'DynamicQuantizeLinear',
  'MatMulInteger',
  'QLinearConv',
  'QLinearMatMul',
  'QuantizeLinear',
])

/** Operators whose results are values of their inputs, or exact in any format that holds those: no second rounding. */
export const exact: ReadonlySet<string> = new Set([
  'Abs',
  'Compress',
  'Concat',
  'DepthToSpace',
  'Expand',
  'Flatten',
  'Gather',
  'GatherElements',
  'GatherND',
  'Identity',
  'Max',
  'MaxPool',
  'Min',
  'Neg',
  'Pad',
  'Relu',
  'Reshape',
  'ReduceMax',
  'ReduceMin',
  'Sign',
  'Slice',
  'SpaceToDepth',
  'Split',
  'Squeeze',
  'Tile',
  'TopK',
  'Transpose',
  'Unsqueeze',
  'Where',
])

/** Operators that sum many products, where it matters in which format the sum is kept. */
export const products: ReadonlySet<string> = new Set(['Conv', 'ConvTranspose', 'Gemm', 'MatMul'])
