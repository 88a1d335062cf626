import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, test } from 'vitest'
import { checkerFaults, checkerPython } from '../helpers/checker.ts'
import { depthgate } from '../helpers/cli.ts'
import { repo, temporaryFolder } from '../helpers/files.ts'

const pocket = join(repo, 'models/pocket/pocket.onnx')
const folder = temporaryFolder()
const written: string[] = []

async function convert(name: string, ...args: string[]) {
  const out = join(folder, name)
  const ran = await depthgate(['convert', pocket, '-o', out, ...args], folder)
  if (ran.code === 0) written.push(out)
  return { ...ran, out }
}

test('makes the fp16 file of pocket and says what it did', async () => {
  const { code, stdout, stderr, out } = await convert('half.onnx', '--precision', 'fp16')
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(/^half\.onnx: 1\.9 MB, \d+ nodes in fp16, \d+ casts/)
  expect(readFileSync(out).length).toBeLessThan(0.55 * readFileSync(pocket).length)
  const again = await convert('again.onnx', '--precision', 'fp16')
  expect(readFileSync(again.out).equals(readFileSync(out))).toBe(true)
})

test.each([
  ['bf16.onnx', ['--precision', 'bf16']],
  ['kept.onnx', ['--keep', 'Softmax', '--keep', '/^head\\./']],
  ['fp32-sums.onnx', ['--accumulate', 'fp32']],
  ['some-sums.onnx', ['--accumulate-fp32', 'Conv']],
  ['io.onnx', ['--reduce-io']],
  ['emulated.onnx', ['--emulated', '--accumulate', 'fp16']],
])('%s', async (name, args) => {
  const { code, stderr } = await convert(name, ...args)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
})

test('--json tells what stayed FP32, and why', async () => {
  const { stdout } = await convert('json.onnx', '--keep', 'Softmax', '--json')
  const done = JSON.parse(stdout)
  expect(done).toMatchObject({ clamped: [], ports: [] })
  expect(done.kept.filter(({ reason }: { reason: string }) => reason === 'asked for').length).toBe(6)
})

test('--model makes what the gate makes, int8 too', async () => {
  const config = ['--config', join(repo, 'depthgate.config.ts')]
  const out = join(folder, 'int8.onnx')
  const args = ['convert', '--model', 'pocket', ...config, '-o', out]
  const { code, stdout, stderr } = await depthgate([...args, '--precision', 'int8'], folder)
  expect({ code, stderr }).toEqual({ code: 0, stderr: '' })
  expect(stdout).toMatch(
    /int8\.onnx: 1\.\d MB\n\d+ products are int8, \d+ stay FP32; calibrated by percentile on 14 scenes/,
  )
  written.push(out)
  const mixed = join(folder, 'int8-fp16.onnx')
  const asked = [...args.slice(0, -1), mixed, '--precision', 'int8', '--rest', 'fp16']
  const half = await depthgate(asked, folder)
  expect({ code: half.code, stderr: half.stderr }).toEqual({ code: 0, stderr: '' })
  expect(half.stdout).toMatch(
    /int8-fp16\.onnx: 1\.\d MB\n\d+ products are int8, \d+ are not; the rest is fp16/,
  )
  expect(readFileSync(mixed).length).toBeLessThan(readFileSync(out).length)
  written.push(mixed)
  const wrong = await depthgate([...args, '--precision', 'int8', '--rest', 'f16'], folder)
  expect(wrong.stderr).toMatch(/--rest f16: is unknown; did you mean "fp16"\?/)
  const whole = await depthgate([...args, '--precision', 'fp16', '--rest', 'fp16'], folder)
  expect(whole.stderr).toMatch(/--rest fp16: belongs to int8 and fp8/)
  const refused = await depthgate([...args, '--keep', 'Conv'], folder)
  expect(refused.stderr).toMatch(/--model takes the recipe of the config/)
  const alone = await depthgate(['convert', pocket, '--precision', 'int8', '-o', 'x.onnx'], folder)
  expect(alone.stderr).toMatch(/is calibrated on scenes/)
})

test('--list shows every node with its place', async () => {
  const { stdout } = await depthgate(['convert', pocket, '--list'], folder)
  expect(stdout).toMatch(/#\d+ +MatMul +\S+/)
})

test('--external-data puts the weights beside it and names both files', async () => {
  const { stdout } = await convert('apart.onnx', '--external-data')
  expect(stdout).toMatch(/^apart\.onnx and apart\.onnx\.[0-9a-f]{16}\.data: \d\.\d MB, /)
})

test('--reduce-io changes the types of the ports', async () => {
  const { stdout } = await convert('io2.onnx', '--reduce-io')
  expect(stdout).toContain('inputs and outputs in fp16: image, inverse_depth, fov_deg')
})

describe('refuses, and writes nothing', () => {
  const damaged = join(folder, 'damaged.onnx')
  writeFileSync(damaged, readFileSync(pocket).subarray(0, 1000))
  test.each<[string, string[], RegExp]>([
    ['no output', [pocket], /needs -o OUT\.onnx/],
    ['itself', [pocket, '-o', pocket], /is the model itself/],
    ['a mistyped precision', [pocket, '-o', 'x.onnx', '--precision', 'f16'], /did you mean "fp16"/],
    [
      'a keep-list that matches nothing',
      [pocket, '-o', 'x.onnx', '--keep', 'Sofmax'],
      /keep Sofmax: matches no node; did you mean "Softmax"/,
    ],
    ['a damaged model', [damaged, '-o', 'x.onnx'], /damaged\.onnx: is no ONNX model, or is cut short/],
    ['a missing model', ['none.onnx', '-o', 'x.onnx'], /none\.onnx: there is no such file/],
    [
      'FP16 sums that it does not choose',
      [pocket, '-o', 'x.onnx', '--accumulate', 'fp16'],
      /only an emulation can choose that/,
    ],
    ['a folder that cannot be', [pocket, '-o', `${pocket}/x.onnx`], /x\.onnx: cannot be written/],
  ])('%s', async (_name, args, message) => {
    const { code, stderr } = await depthgate(['convert', ...args], folder)
    expect(code).toBe(2)
    expect(stderr).toMatch(message)
    expect(existsSync(join(folder, 'x.onnx'))).toBe(false)
  })
  test('its own result', async () => {
    const { code, stderr } = await depthgate(
      ['convert', join(folder, 'half.onnx'), '-o', 'twice.onnx'],
      folder,
    )
    expect(code).toBe(2)
    expect(stderr).toMatch(/half\.onnx: is in a reduced precision already/)
  })
})

afterAll(async () => {
  if (checkerPython) expect(await checkerFaults(written)).toEqual({})
})
