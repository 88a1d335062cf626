// The networks that are compared, and how each is judged.
import { readdirSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { defaultTolerance } from '../../dist/index.js'

export const repo = join(import.meta.dirname, '../..')
const traps = join(repo, 'fixtures/networks')

/**
 * By name: the FP32 ONNX, the golden, the scenes, the output of the figures, and `outputs` as the config has them. Where
 * there is no `tolerance`, the limits of that output are taken from what FP16 loses: see limits.mjs.
 */
export function networksIn(work) {
  return {
    pocket: {
      onnx: join(repo, 'models/pocket/pocket.onnx'),
      golden: join(repo, 'golden/pocket'),
      // the first is the one that FP16 treats worst; auto_mixed_precision takes only one
      scenes: ['street', 'room', 'chelsea'],
      output: 'depth',
      outputs: { inverse_depth: { range: { min: 0.01 } }, depth: { range: { min: 0.1, max: 60 } } },
    },
    ...Object.fromEntries(trapNames().map(name => [name, trap(name)])),
    vit12: {
      onnx: join(work, 'fidelity/vit12.onnx'),
      golden: join(work, 'fidelity/golden/vit12'),
      scenes: ['astronaut', 'coffee', 'kitchen'],
      output: 'depth',
      outputs: { depth: {} },
    },
  }
}

export function trapNames() {
  return readdirSync(traps, { withFileTypes: true })
    .filter(entry => entry.isDirectory())
    .map(({ name }) => name)
}

/** A trap keeps its own limits. Its recipe is left out: what is to stay FP32 is what everyone looks for here. */
function trap(name) {
  const { tolerance } = JSON.parse(readFileSync(join(traps, name, 'case.json'), 'utf8'))
  return {
    onnx: join(traps, name, 'net.onnx'),
    golden: join(traps, name, 'golden'),
    scenes: ['slopes'],
    output: 'depth',
    outputs: { depth: {} },
    tolerance: { ...defaultTolerance.fp16, ...tolerance?.fp16 },
  }
}
