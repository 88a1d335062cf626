import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import ndarray from 'ndarray'
import { describe, expect, test } from 'vitest'
import { encodeImage } from '../../src/depth/png.ts'
import { catalogue } from '../../src/metrics/index.ts'
import { depthgate } from '../helpers/cli.ts'
import { temporaryFolder, writeMap } from '../helpers/files.ts'

const folder = temporaryFolder()
const values = Array.from({ length: 48 }, (_, i) => 1 + (i % 7) + i / 10)
writeMap(folder, 'golden.npy', [6, 8], values)
writeMap(
  folder,
  'twice.npy',
  [6, 8],
  values.map(value => value * 2),
)
writeMap(
  folder,
  'near.npy',
  [6, 8],
  values.map(value => value * 1.01),
)
writeMap(
  folder,
  'nan.npy',
  [6, 8],
  values.map((value, i) => (i === 9 ? Number.NaN : value)),
)
writeMap(
  folder,
  'far.npy',
  [6, 8],
  values.map((value, i) => (i === 9 ? 9000 : value)),
)
writeMap(
  folder,
  'farther.npy',
  [6, 8],
  values.map((value, i) => (i === 9 ? 8000 : value)),
)
writeMap(folder, 'small.npy', [2, 2], [1, 2, 3, 4])
const compare = (...args: string[]) => depthgate(['compare', ...args], folder)

describe.concurrent('depthgate compare', () => {
  test('identical maps pass, with 0; every metric is shown', async () => {
    const { code, stdout } = await compare('golden.npy', 'golden.npy')
    expect(code).toBe(0)
    for (const name of Object.keys(catalogue)) if (name !== 'fovErrorDeg') expect(stdout).toContain(name)
  })

  test('a map of twice the scale fails by default, with 1 and a reason', async () => {
    const { code, stdout } = await compare('twice.npy', 'golden.npy')
    expect(code).toBe(1)
    expect(stdout).toContain('scale 2 is further from 1 than 0.001')
    expect(stdout).toContain(
      '\nIt is the golden times 2: divided by that, absRel is 0 instead of 1. Look for a unit',
    )
    const { resemblance } = JSON.parse((await compare('twice.npy', 'golden.npy', '--json')).stdout)
    expect(resemblance).toEqual({ type: 'scaled', factor: 2, absRel: 0, before: 1 })
  })

  test('--json has pass, every metric and the worst pixel', async () => {
    const { code, stdout } = await compare('near.npy', 'golden.npy', '--json')
    const result = JSON.parse(stdout)
    expect(code).toBe(1)
    expect(result).toMatchObject({ pass: false, worst: { x: expect.any(Number), y: expect.any(Number) } })
    expect(result.metrics.absRel).toBeCloseTo(0.01, 6)
    expect(Object.keys(result.metrics).sort()).toEqual(
      Object.keys(catalogue)
        .filter(name => name !== 'fovErrorDeg')
        .sort(),
    )
  })

  test('--json of a map with NaN is JSON, fails, and points to the pixel', async () => {
    const { code, stdout } = await compare('nan.npy', 'golden.npy', '--json')
    expect(code).toBe(1)
    expect(JSON.parse(stdout)).toMatchObject({
      pass: false,
      worst: { x: 1, y: 1, actual: 'NaN' },
      counts: { actualNonFinite: 1 },
    })
  })

  test('limits: repeated, in a list, after one flag, as a percentage, off', async () => {
    const limits = ['absRel=0.02', 'rmse=2%', 'scale=0.02', 'p99Rel=off']
    expect(
      (await compare('near.npy', 'golden.npy', ...limits.flatMap(limit => ['--tolerance', limit]))).code,
    ).toBe(0)
    expect((await compare('near.npy', 'golden.npy', '--tolerance', limits.join(','))).code).toBe(0)
    expect((await compare('near.npy', 'golden.npy', '--tolerance', ...limits)).code).toBe(0)
    expect(
      (
        await compare(
          'near.npy',
          'golden.npy',
          '--precision',
          'fp16',
          '--tolerance',
          'scale=0.02,absRel=0.02',
        )
      ).code,
    ).toBe(0)
  })

  test('--min and --max choose the golden pixels that count', async () => {
    expect((await compare('farther.npy', 'far.npy')).code).toBe(1)
    const { code, stdout } = await compare('farther.npy', 'far.npy', '--min', '0.1', '--max', '80')
    expect(code).toBe(0)
    expect(stdout).toContain('47 of 48 pixels compared (left out: 1 outside the range)')
  })

  test('--mask leaves out what is black', async () => {
    const mask = new Uint8Array(48 * 3).fill(255)
    mask.fill(0, 9 * 3, 10 * 3)
    writeFileSync(join(folder, 'mask.png'), encodeImage(ndarray(mask, [6, 8, 3])))
    expect((await compare('farther.npy', 'far.npy', '--mask', 'mask.png')).code).toBe(0)
  })

  test('a mask of another shape is refused, one of any colour counts', async () => {
    const green = new Uint8Array(48 * 3)
    for (let i = 0; i < 48; i++) green[i * 3 + 1] = i === 9 ? 0 : 200
    writeFileSync(join(folder, 'green.png'), encodeImage(ndarray(green, [6, 8, 3])))
    writeFileSync(join(folder, 'turned.png'), encodeImage(ndarray(green, [8, 6, 3])))
    expect(await compare('farther.npy', 'far.npy', '--mask', 'green.png')).toMatchObject({
      code: 0,
      stdout: expect.stringContaining('47 of 48'),
    })
    expect(await compare('farther.npy', 'far.npy', '--mask', 'turned.png')).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('the mask is 8×6, the maps are 6×8'),
    })
  })

  test('without any limit the maps cannot be compared', async () => {
    const off = ['rmse', 'absRel', 'p99Rel', 'scale', 'delta1', 'edgeF1Drop', 'strays']
      .map(name => `${name}=off`)
      .join(',')
    expect(await compare('twice.npy', 'golden.npy', '--tolerance', off)).toMatchObject({
      code: 2,
      stderr: expect.stringContaining('no limit is set'),
    })
  })

  test('a picture that cannot be written does not take the verdict with it', async () => {
    const { code, stdout, stderr } = await compare(
      'near.npy',
      'golden.npy',
      '--json',
      '--picture',
      'golden.npy/p.png',
    )
    expect(JSON.parse(stdout)).toMatchObject({ pass: false })
    expect(stderr).toContain('cannot be written')
    expect(code).toBe(1)
  })

  test('--picture writes a PNG', async () => {
    await compare('near.npy', 'golden.npy', '--picture', 'out/near.png')
    expect(readFileSync(join(folder, 'out/near.png')).subarray(1, 4).toString()).toBe('PNG')
  })

  test.each<[string, string[], RegExp]>([
    ['one file', ['golden.npy'], /takes two files.*got 1/],
    ['a missing file', ['none.npy', 'golden.npy'], /none\.npy/],
    ['two shapes', ['small.npy', 'golden.npy'], /small\.npy and golden\.npy cannot be compared: .*2×2.*6×8/],
    ['an unknown flag', ['golden.npy', 'golden.npy', '--max-error', '1'], /--max-error[\s\S]*compare --help/],
    [
      'an unknown metric',
      ['golden.npy', 'golden.npy', '--tolerance', 'absrel=1'],
      /--tolerance: .*[\s\S]*did you mean "absRel"/,
    ],
    [
      'a limit without a number',
      ['golden.npy', 'golden.npy', '--tolerance', 'absRel=lots'],
      /--tolerance absRel lots: is not a number/,
    ],
    ['a limit without a name', ['golden.npy', 'golden.npy', '--tolerance', '0.1'], /write NAME=LIMIT/],
    [
      'a range that is no number',
      ['golden.npy', 'golden.npy', '--min', 'near'],
      /--min near: is not a number/,
    ],
    [
      'a range that holds nothing',
      ['golden.npy', 'golden.npy', '--min', '500'],
      /no pixel of the golden counts/,
    ],
    ['an unknown precision', ['golden.npy', 'golden.npy', '--precision', 'fp15'], /did you mean "fp16"/],
  ])('%s cannot be compared: 2, told on stderr', async (_name, args, message) => {
    const { code, stdout, stderr } = await compare(...args)
    expect({ code, stdout }).toEqual({ code: 2, stdout: '' })
    expect(stderr).toMatch(message)
    expect(stderr).not.toMatch(/\n\s+at /)
  })

  test('with --json, what cannot be compared is JSON too', async () => {
    const { code, stdout } = await compare('small.npy', 'golden.npy', '--json')
    expect(code).toBe(2)
    expect(JSON.parse(stdout).error.message).toContain('cannot be compared')
  })
})

describe.concurrent('depthgate', () => {
  test('without a verb shows the verbs, with 2', async () => {
    const { code, stdout } = await depthgate([], folder)
    expect(code).toBe(2)
    for (const verb of ['gate', 'compare', 'capture', 'import']) expect(stdout).toContain(`  ${verb} `)
  })
  test('every verb of the overview has options, exit codes and an example in its help', async () => {
    const overview = (await depthgate(['--help'], folder)).stdout
    const verbs = [...overview.matchAll(/^ {2}([a-z]+) {2,}\S/gm)].map(([, verb]) => verb!)
    expect(verbs.length).toBeGreaterThan(15)
    for (const verb of verbs) {
      const { code, stdout } = await depthgate([verb, '--help'], folder)
      expect(code).toBe(0)
      expect(stdout).toMatch(new RegExp(`^depthgate ${verb} [\\s\\S]*--`))
      expect(stdout, verb).toMatch(/Exit code.*: .*\b2\b|Exit code: as the gate's/s)
      expect(stdout, verb).toMatch(new RegExp(`^ {2}(depthgate gate \\S+ )?depthgate ${verb}\\b`, 'm'))
    }
  })
  test('a mistyped option gets the nearest', async () => {
    const { code, stderr } = await depthgate(['gate', '--presicion', 'fp16'], folder)
    expect(code).toBe(2)
    expect(stderr).toContain('the option "--presicion" is unknown; did you mean "--precision"?')
    expect(stderr).toContain('depthgate gate --help')
  })
  test('a mistyped verb gets the nearest', async () => {
    const { code, stderr } = await depthgate(['comapre'], folder)
    expect(code).toBe(2)
    expect(stderr).toContain('did you mean "compare"?')
    expect(existsSync(join(folder, '.depthgate'))).toBe(false)
  })
  test('--version is that of the package', async () => {
    expect((await depthgate(['--version'], folder)).stdout).toMatch(/^\d+\.\d+\.\d+\n$/)
  })
})
