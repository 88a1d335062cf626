import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { EngineSettings } from '../../../src/engines/settings.ts'
import { findModel, loadConfig, type Model } from '../../../src/gate/config.ts'
import { engineNamed } from '../../../src/gate/engines.ts'
import { planGate } from '../../../src/gate/plan.ts'
import { tinyProject, writeConfig } from '../../helpers/files.ts'

function config(engines?: Record<string, EngineSettings>, model: object = {}) {
  const folder = tinyProject()
  writeConfig(folder, {
    ...(engines && { engines }),
    models: { tiny: { onnx: { fp32: 'a.onnx', fp16: 'b.onnx' }, ...model } },
  })
  return loadConfig(join(folder, 'depthgate.config.json'))
}
const tiny = (...given: Parameters<typeof config>): Model => findModel(config(...given), 'tiny')
const trt: EngineSettings = { engine: 'tensorrt' }

describe('the engines of a model', () => {
  test('are ONNX Runtime on the CPU where the config names none', () => {
    expect([...tiny().engines]).toEqual([['cpu', { engine: 'onnxruntime' }]])
  })

  test('are all of the config, or those that the model names; cpu is always there', () => {
    expect([...tiny({ trt, old: { ...trt, typing: 'weak' } }).engines.keys()]).toEqual(['trt', 'old'])
    expect([...tiny({ trt }, { engines: ['cpu', 'trt'] }).engines.keys()]).toEqual(['cpu', 'trt'])
    expect(() => tiny({ trt }, { engines: ['trtt'] })).toThrow(
      /there is no engine "trtt"; did you mean "trt"\?/,
    )
  })

  test('are not called what a bench calls PyTorch, which is under no budget', () => {
    expect(() => tiny({ pytorch: trt })).toThrow(/cannot be called "pytorch": .* Give it another name/)
    expect([...tiny({ 'pytorch-trt': trt }).engines.keys()]).toEqual(['pytorch-trt'])
  })

  test('are chosen by name, by default the first', () => {
    const model = tiny({ trt }, { engines: ['cpu', 'trt'] })
    expect(engineNamed(model, undefined).name).toBe('cpu')
    expect(engineNamed(model, 'trt').settings).toEqual(trt)
    expect(() => engineNamed(model, 'tr')).toThrow(/is not run on an engine "tr"; did you mean "trt"\?/)
  })

  test('have paths from the folder of the config', () => {
    const model = tiny({ trt: { ...trt, python: 'venv/bin/python', timingCache: 'timing.bin' } })
    expect(model.engines.get('trt')).toMatchObject({
      python: join(model.root, 'venv/bin/python'),
      timingCache: join(model.root, 'timing.bin'),
    })
    expect(tiny({ trt: { ...trt, python: 'python3', timingCache: false } }).engines.get('trt')).toMatchObject(
      { python: 'python3', timingCache: false },
    )
  })

  test('a prebuilt plan says of which precision it is', () => {
    const model = tiny({ ship: { ...trt, plan: 'a.plan', precisions: ['fp16'] } })
    expect(model.engines.get('ship')).toMatchObject({ plan: { fp16: join(model.root, 'a.plan') } })
    expect(() => tiny({ ship: { ...trt, plan: 'a.plan' } })).toThrow(/one plan holds one precision/)
    expect(tiny({ ship: { ...trt, plan: { fp16: 'a.plan' } } }).engines.get('ship')?.precisions).toEqual([
      'fp16',
    ])
  })

  test('layers kept in FP32 belong to weak typing', () => {
    expect(() => tiny({ trt: { ...trt, fp32Layers: ['/head/'] } })).toThrow(/belongs to typing: 'weak'/)
  })
})

describe('the plan', () => {
  test('is scenes × precisions × engines, where an engine may leave precisions out', () => {
    const { cases } = planGate(config({ cpu: { engine: 'onnxruntime', precisions: ['fp32'] }, trt }))
    expect(cases.map(({ engine, precision, scene }) => `${scene} ${precision} ${engine}`)).toEqual([
      'gradient fp32 cpu',
      'waves fp32 cpu',
      'gradient fp32 trt',
      'waves fp32 trt',
      'gradient fp16 trt',
      'waves fp16 trt',
    ])
  })

  test('--engine chooses, and must match something', () => {
    const both = config({ trt }, { engines: ['cpu', 'trt'] })
    expect(planGate(both, { engines: ['trt'] }).cases).toHaveLength(4)
    expect(() => planGate(both, { engines: ['trtt'] })).toThrow(
      /--engine trtt: matches nothing; did you mean "trt"\?/,
    )
  })
})
