import { create } from '@bufbuild/protobuf'
import { DepthgateError } from '../base/errors.ts'
import {
  type AttributeProto,
  AttributeProto_AttributeType,
  AttributeProtoSchema,
  type ModelProto,
  type NodeProto,
  NodeProtoSchema,
  type OperatorSetIdProto,
} from './gen/onnx_pb.ts'
import { bodiesOf, describeNode, isStandard, opsetOf } from './nodes.ts'

/** The opsets between which the changes below are complete: a test holds them against the schemas of onnx 1.23. */
export const oldestRaised = 13
export const newestRaised = 23

/** The file format's version that an opset was published with; newer operators may use its types. */
const irVersions: readonly (readonly [opset: number, ir: bigint])[] = [
  [23, 11n],
  [21, 10n],
  [19, 9n],
  [15, 8n],
  [13, 7n],
]

/** What an opset changed about an operator beyond more types and attributes whose default is the old meaning. */
export interface OpsetChange {
  opset: number
  operators: readonly string[]
  /** Why a node cannot keep its meaning; undefined where it can. */
  obstacle?: (node: NodeProto) => string | undefined
  /** Writes the node for the new opset; returns nodes to put before it. */
  rewrite?: (node: NodeProto) => NodeProto[]
}

export const opsetChanges: readonly OpsetChange[] = [
  {
    opset: 14,
    operators: ['BatchNormalization'],
    obstacle: ({ output }) =>
      output.slice(1).some(name => name !== '')
        ? 'it is in training mode; export with model.eval()'
        : undefined,
  },
  {
    opset: 16,
    operators: ['RoiAlign'],
    rewrite: node => {
      node.attribute.push(text('coordinate_transformation_mode', 'output_half_pixel'))
      return []
    },
  },
  {
    opset: 18,
    operators: [
      'ReduceL1',
      'ReduceL2',
      'ReduceLogSum',
      'ReduceLogSumExp',
      'ReduceMax',
      'ReduceMean',
      'ReduceMin',
      'ReduceProd',
      'ReduceSumSquare',
    ],
    obstacle: node => reference(node, 'axes'),
    rewrite: node => {
      const axes = take(node, 'axes')
      // none, and an empty list, mean all axes in both
      return axes === undefined || axes.ints.length === 0 ? [] : [input(node, 1, 'axes', axes.ints)]
    },
  },
  {
    opset: 18,
    operators: ['Split'],
    rewrite: node => {
      if ((node.input[1] ?? '') === '')
        node.attribute.push(integer('num_outputs', BigInt(node.output.length)))
      return []
    },
  },
  {
    opset: 19,
    operators: ['AveragePool'],
    obstacle: node =>
      padsItself(node)
        ? 'opset 19 words the output sizes of `auto_pad` anew; export with explicit pads'
        : undefined,
  },
  {
    opset: 20,
    operators: ['DFT'],
    obstacle: node => reference(node, 'axis'),
    rewrite: node => [input(node, 2, 'axis', take(node, 'axis')?.i ?? 1n)],
  },
  {
    opset: 20,
    operators: ['GridSample'],
    obstacle: node => reference(node, 'mode'),
    rewrite: node => {
      const mode = textOf(node, 'mode')
      const renamed = mode && { bilinear: 'linear', bicubic: 'cubic' }[mode]
      if (renamed) attributeOf(node, 'mode')!.s = new TextEncoder().encode(renamed)
      return []
    },
  },
  {
    opset: 21,
    operators: ['GroupNormalization'],
    obstacle: () =>
      'opset 21 wants a scale and a bias for each channel instead of each group; export with opset 21',
  },
  {
    opset: 22,
    operators: ['AveragePool', 'MaxPool'],
    obstacle: node =>
      mayStartInPadding(node)
        ? 'opset 22 drops windows of `ceil_mode` that begin in the right padding; export with opset 22'
        : undefined,
  },
]

/**
 * Raises the version of the standard operators that a model is written for, in place: its graph, the bodies of If, Loop
 * and Scan, and its functions. What changed in between is rewritten; where the meaning would not provably be kept it
 * throws, and the model is as it was. The IR version is raised with it. A model of that opset or a newer one is left alone.
 * @param file how errors call the model
 */
export function raiseOpset(model: ModelProto, to: number, file: string): void {
  const from = opsetOf(model)
  const scopes = [
    { opsets: model.opsetImport, nodes: model.graph! as { node: NodeProto[] } },
    ...model.functions.map(body => ({ opsets: body.opsetImport, nodes: body as { node: NodeProto[] } })),
  ].flatMap(({ opsets, nodes }) => {
    const standard = opsets.find(({ domain }) => isStandard(domain))
    return standard && Number(standard.version) < to ? [{ standard, nodes }] : []
  })
  if (scopes.length === 0) return
  if (to > newestRaised || scopes.some(({ standard }) => Number(standard.version) < oldestRaised))
    throw new DepthgateError(
      'opset',
      `${file}: is written for opset ${from} and cannot be raised to ${to}: what changed is known from ${oldestRaised} to ${newestRaised}. Export it with opset ${to}`,
    )
  for (const { standard, nodes } of scopes) refuseObstacles(nodes, standard, to, file)
  for (const { standard, nodes } of scopes) {
    rewriteNodes(nodes, changesBetween(standard, to))
    standard.version = BigInt(to)
  }
  const ir = irVersions.find(([opset]) => to >= opset)![1]
  if (model.irVersion < ir) model.irVersion = ir
}

function changesBetween({ version }: OperatorSetIdProto, to: number): OpsetChange[] {
  return opsetChanges.filter(({ opset }) => opset > Number(version) && opset <= to)
}

function refuseObstacles(
  { node: nodes }: { node: NodeProto[] },
  standard: OperatorSetIdProto,
  to: number,
  file: string,
): void {
  for (const node of nodes) {
    for (const { obstacle } of changesOf(node, changesBetween(standard, to))) {
      const reason = obstacle?.(node)
      if (reason !== undefined)
        throw new DepthgateError(
          'opset',
          `${file}: cannot be raised from opset ${standard.version} to ${to}: ${describeNode(node)}: ${reason}`,
        )
    }
    for (const body of bodiesOf(node)) refuseObstacles(body, standard, to, file)
  }
}

function rewriteNodes(graph: { node: NodeProto[] }, changes: readonly OpsetChange[]): void {
  for (const node of graph.node) for (const body of bodiesOf(node)) rewriteNodes(body, changes)
  graph.node = graph.node.flatMap(node => [
    ...changesOf(node, changes).flatMap(({ rewrite }) => rewrite?.(node) ?? []),
    node,
  ])
}

function changesOf({ domain, opType }: NodeProto, changes: readonly OpsetChange[]): OpsetChange[] {
  return isStandard(domain) ? changes.filter(({ operators }) => operators.includes(opType)) : []
}

/** In a function an attribute may stand for the caller's, which a constant cannot take up. */
function reference(node: NodeProto, name: string): string | undefined {
  return attributeOf(node, name)?.refAttrName
    ? `its attribute ${name} is that of a function; export without functions`
    : undefined
}

/**
 * Whether the last window of a pool may begin behind the picture: with `ceil_mode`, unless stride and right padding
 * together are no longer than the window.
 */
function mayStartInPadding(node: NodeProto): boolean {
  const ceil = attributeOf(node, 'ceil_mode')
  if (!ceil || (ceil.i === 0n && ceil.refAttrName === '')) return false
  const list = (name: string) => attributeOf(node, name)?.ints.map(Number) ?? []
  const [kernel, strides, pads, dilations] = ['kernel_shape', 'strides', 'pads', 'dilations'].map(list) as [
    number[],
    number[],
    number[],
    number[],
  ]
  return (
    padsItself(node) ||
    node.attribute.some(({ refAttrName }) => refAttrName !== '') ||
    kernel.length === 0 ||
    kernel.some(
      (length, axis) =>
        (strides[axis] ?? 1) + (pads[kernel.length + axis] ?? 0) > (length - 1) * (dilations[axis] ?? 1) + 1,
    )
  )
}

/** Whether a pool finds its padding by itself. */
function padsItself(node: NodeProto): boolean {
  return (textOf(node, 'auto_pad') ?? 'NOTSET') !== 'NOTSET'
}

/** A Constant of integers, given to the node as its input `index`. */
function input(node: NodeProto, index: number, what: string, value: bigint | bigint[]): NodeProto {
  const name = `depthgate-${what}:${node.output.find(tensor => tensor !== '')}`
  while (node.input.length < index) node.input.push('')
  node.input[index] = name
  return create(NodeProtoSchema, {
    opType: 'Constant',
    name,
    output: [name],
    attribute: [typeof value === 'bigint' ? integer('value_int', value) : integers('value_ints', value)],
  })
}

function attributeOf(node: NodeProto, name: string): AttributeProto | undefined {
  return node.attribute.find(attribute => attribute.name === name)
}

function textOf(node: NodeProto, name: string): string | undefined {
  const attribute = attributeOf(node, name)
  return attribute && new TextDecoder().decode(attribute.s)
}

function take(node: NodeProto, name: string): AttributeProto | undefined {
  const attribute = attributeOf(node, name)
  node.attribute = node.attribute.filter(other => other !== attribute)
  return attribute
}

function text(name: string, value: string): AttributeProto {
  return create(AttributeProtoSchema, {
    name,
    type: AttributeProto_AttributeType.STRING,
    s: new TextEncoder().encode(value),
  })
}

function integer(name: string, i: bigint): AttributeProto {
  return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INT, i })
}

function integers(name: string, ints: bigint[]): AttributeProto {
  return create(AttributeProtoSchema, { name, type: AttributeProto_AttributeType.INTS, ints })
}
