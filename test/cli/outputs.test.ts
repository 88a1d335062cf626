import { readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { beforeAll, describe, expect, test } from 'vitest'
import { depthgate } from '../helpers/cli.ts'
import { weightsBeside } from '../helpers/external.ts'
import { trapProject } from '../helpers/models.ts'

/** A project whose network keeps a weight beside it, with a saved run. */
async function project(): Promise<string> {
  const folder = trapProject('benign', { recipes: { fp16: 'precision-plan.json' } })
  weightsBeside(join(folder, 'net.onnx'), 'net.weights')
  writeFileSync(join(folder, 'precision-plan.json'), '{}')
  const gated = await depthgate(['gate', '--save', 'run', '--report', 'none'], folder)
  expect(gated.code, gated.stdout + gated.stderr).toBe(0)
  return folder
}

describe.concurrent('nothing is written over what it is made from', () => {
  let folder: string
  beforeAll(async () => {
    folder = await project()
  })
  const map = 'golden/slopes/depth.npy'
  test.each([
    ['mend net -o', 'net.weights', 'holds weights of net.onnx'],
    ['mend net -o', 'precision-plan.json', 'is the fp16 plan of net'],
    ['mend net --plan', 'depthgate.config.json', 'is the config'],
    ['explain net --html', 'net.weights', 'holds weights of net.onnx'],
    ['convert net.onnx -o', 'net.weights', 'holds weights of net.onnx'],
    ['convert net.onnx -o', 'depthgate.config.json', 'is a config'],
    ['convert --model net -o', map, 'belongs to the golden of net'],
    ['bench --markdown', 'net.weights', 'holds weights of net.onnx'],
    [`compare ${map} ${map} --picture`, map, 'is what is compared'],
    ['gate --report', 'json=golden/manifest.json', 'belongs to the golden of net'],
    ['report run --report', 'json=run/run.json', 'belongs to the saved run'],
  ])('depthgate %s %s', async (command, out, says) => {
    const file = join(folder, out.replace('json=', ''))
    const before = readFileSync(file)
    const { code, stderr } = await depthgate([...command.split(' '), out], folder)
    const [flag] = command.split(' ').slice(-1)
    const told = `${flag} ${out.replace('=', ' ')}: ${says}, and is not written over. Choose another name`
    expect({ code, stderr }).toEqual({ code: 2, stderr: `depthgate: ${told}\n` })
    expect(readFileSync(file).equals(before)).toBe(true)
  })

  test('depthgate mend --frontier, whose figures lie beside the picture', async () => {
    const { code, stderr } = await depthgate(['mend', 'net', '--frontier', 'depthgate.config.svg'], folder)
    expect(code).toBe(2)
    expect(stderr).toContain('the figures of --frontier depthgate.config.json: is the config')
  })
})
