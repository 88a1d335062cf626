import type { ModelProto, ValueInfoProto } from './gen/onnx_pb.ts'

/** An input or output as a model declares it; an axis of unknown length is its symbol, `?` where it has none. */
export interface DeclaredPort {
  name: string
  /** `undefined`: not declared, or no tensor. */
  shape: readonly (number | string)[] | undefined
}

/** What a model takes and gives; weights that it lists among its inputs are left out. */
export function portsOf({ graph }: ModelProto): { inputs: DeclaredPort[]; outputs: DeclaredPort[] } {
  const weights = new Set(graph?.initializer.map(({ name }) => name))
  return {
    inputs: (graph?.input ?? []).filter(({ name }) => !weights.has(name)).map(declared),
    outputs: (graph?.output ?? []).map(declared),
  }
}

function declared({ name, type }: ValueInfoProto): DeclaredPort {
  const dim = type?.value.case === 'tensorType' ? type.value.value.shape?.dim : undefined
  return {
    name,
    shape: dim?.map(({ value }) => {
      if (value.case === 'dimParam' && value.value !== '') return value.value
      // some exporters write -1 for a free axis
      return value.case === 'dimValue' && value.value > 0n ? Number(value.value) : '?'
    }),
  }
}

/** Whether an input takes a tensor of this shape: as many axes, and the length of each that is fixed. */
export function takesShape(wanted: readonly (number | string)[], fed: readonly number[]): boolean {
  return (
    wanted.length === fed.length &&
    wanted.every((length, axis) => typeof length === 'string' || length === fed[axis])
  )
}

/** What to do about an input that wants N×H×W×C where N×C×H×W is fed; undefined where that is not what is wrong. */
export function layoutHint(wanted: readonly (number | string)[], fed: readonly number[]): string | undefined {
  const channels = fed[1]
  return wanted.length === 4 && fed.length === 4 && wanted[3] === channels && wanted[1] !== channels
    ? 'Its layout is NHWC, and NCHW is fed: export it as NCHW, or let it begin with a Transpose of perm 0, 3, 1, 2'
    : undefined
}
