import { cpSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { refuseSource } from '../../../src/cli/output.ts'
import { anyConfig, configSources, modelSources, onnxSource } from '../../../src/cli/sources.ts'
import { loadConfig } from '../../../src/gate/config.ts'
import { weightsBeside } from '../../helpers/external.ts'
import { writeConfig } from '../../helpers/files.ts'
import { trapProject } from '../../helpers/models.ts'

test('what a config names is not written over; what lies beside it may be', () => {
  const folder = trapProject('benign')
  const at = (file: string) => join(folder, file)
  weightsBeside(at('net.onnx'), 'net.weights')
  mkdirSync(at('golden/baselines'))
  mkdirSync(at('golden/pages'))
  for (const file of ['other.onnx', 'half.onnx', 'half.json', 'slopes.npy']) writeFileSync(at(file), '')
  for (const file of ['baselines/cpu.json', 'pages/a.html', 'a.html']) writeFileSync(at(`golden/${file}`), '')
  writeConfig(folder, {
    models: {
      net: {
        onnx: 'net.onnx',
        golden: 'golden',
        recipes: { fp16: 'half.json' },
        truth: { file: '{scene}.npy' },
      },
      // neither its ONNX nor its golden can be read
      other: { onnx: { fp32: 'other.onnx', fp16: 'half.onnx' }, golden: 'nowhere' },
    },
  })
  const config = loadConfig(at('depthgate.config.json'))
  const told = (file: string, sources = configSources(config)) => {
    try {
      refuseSource(sources, '-o', at(file))
      return undefined
    } catch (thrown) {
      return (thrown as Error).message.slice(`-o ${at(file)}: `.length).replace(`${folder}/`, '')
    }
  }
  for (const [file, what] of [
    ['depthgate.config.json', 'is the config'],
    ['net.onnx', 'is the fp32 ONNX of net'],
    ['net.weights', 'holds weights of net.onnx'],
    ['other.onnx', 'is the fp32 ONNX of other'],
    ['half.onnx', 'is the fp16 ONNX of other'],
    ['golden/manifest.json', 'belongs to the golden of net'],
    ['golden/slopes/depth.npy', 'belongs to the golden of net'],
    ['golden/baselines/cpu.json', 'belongs to the golden of net'],
    ['slopes.npy', 'is ground truth of net'],
    ['half.json', 'is the fp16 plan of net'],
  ])
    expect(told(file!)).toBe(`${what}, and is not written over. Choose another name`)
  for (const file of ['golden/a.html', 'golden/pages/a.html', 'golden/slopes/new.npy', 'new.onnx'])
    expect(told(file)).toBeUndefined()
  // mend writes its own plan, and whose it is is looked at there
  expect(told('half.json', modelSources(config))).toBeUndefined()

  cpSync(at('net.onnx'), at('copy.onnx'))
  const alone = [onnxSource(at('copy.onnx')), anyConfig]
  expect(told('copy.onnx', alone)).toContain('is the model itself')
  expect(told('net.weights', alone)).toContain('holds weights of copy.onnx')
  expect(told('depthgate.config.json', alone)).toContain('is a config')
  expect(told('half.onnx', alone)).toBeUndefined()
})
