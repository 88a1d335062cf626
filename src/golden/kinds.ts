import { DepthgateError } from '../base/errors.ts'
import type { Manifest, OutputKind } from './manifest.ts'

export function isFov(kind: OutputKind): boolean {
  return kind === 'fov'
}

/** Whether larger values are nearer. */
export function isInverse(kind: OutputKind): boolean {
  return kind === 'inverse-depth' || kind === 'canonical-inverse-depth' || kind === 'relative-inverse-depth'
}

/** The unit that figures of this kind are printed with; empty where the scale is the model's own. */
export function unitOf(kind: OutputKind): string {
  if (kind === 'metric-depth') return 'm'
  if (kind === 'inverse-depth') return '1/m'
  return kind === 'fov' ? '°' : ''
}

/** The name of the map that is computed outside the network from canonical inverse depth and field of view. */
export const derivedDepth = 'depth'

/** The outputs that metric depth is derived from, where a model has both. */
export function derivation(outputs: Manifest['outputs']): { canonical: string; fov: string } | undefined {
  const named = (kind: OutputKind) => Object.keys(outputs).find(output => outputs[output]?.kind === kind)
  const canonical = named('canonical-inverse-depth')
  const fov = named('fov')
  return canonical !== undefined && fov !== undefined ? { canonical, fov } : undefined
}

/** Adds the metric depth that canonical inverse depth and a field of view give. */
export function withDerived(specs: Manifest['outputs']): Manifest['outputs'] {
  const kinds: OutputKind[] = Object.values(specs).map(({ kind }) => kind)
  if (!kinds.includes('canonical-inverse-depth')) return specs
  if (!derivation(specs))
    throw new DepthgateError(
      'golden',
      'canonical-inverse-depth needs the field of view: declare it with --output NAME=fov, or --fov for an import',
    )
  if (specs[derivedDepth])
    throw new DepthgateError(
      'golden',
      `the output name ${derivedDepth} is taken by the metric depth that is derived. Name the network's output as the ONNX does, or otherwise, and map it with \`outputs: { NAME: { onnx: '${derivedDepth}' } }\` in the config`,
    )
  return { ...specs, [derivedDepth]: { kind: 'metric-depth', derived: true } }
}

/** The output that people look at first: metric depth where there is one, else the first map. */
export function primaryOutput(outputs: Manifest['outputs']): string {
  const names = Object.keys(outputs)
  return (
    names.find(name => outputs[name]?.kind === 'metric-depth') ??
    names.find(name => outputs[name] && !isFov(outputs[name].kind)) ??
    names[0]!
  )
}
