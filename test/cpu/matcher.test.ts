import { existsSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { stripVTControlCharacters } from 'node:util'
import { type DepthMap, infer, readNpy, scenes } from 'depthgate'
import ndarray from 'ndarray'
import { describe, expect, test, vi } from 'vitest'
import { encodeNpy } from '../../src/depth/npy.ts'
import { tinyProject, writeConfig } from '../helpers/files.ts'

const folder = tinyProject()
vi.stubEnv('DEPTHGATE_CONFIG', join(folder, 'depthgate.config.json'))
const golden = (scene: string, output = 'depth') =>
  readNpy(join(folder, 'golden/tiny', scene, `${output}.npy`)) as DepthMap
const scaled = (map: DepthMap, factor: number) =>
  ndarray(
    Float32Array.from(map.data, value => value * factor),
    [24, 32],
  )
const messageOf = (run: () => unknown): string => {
  try {
    run()
  } catch (thrown) {
    // CI colours its output
    return stripVTControlCharacters((thrown as Error).message)
  }
  throw new Error('it passed')
}

describe('what infer() returns', () => {
  test.each(scenes('tiny'))('%s matches its golden', async scene => {
    expect(await infer('tiny', { scene })).toMatchGolden()
  })

  test('knows where it came from', async () => {
    const inference = await infer('tiny', { scene: 'waves', fusion: 'off' })
    expect(inference).toMatchObject({
      model: 'tiny',
      scene: 'waves',
      precision: 'fp32',
      fingerprint: { fusion: 'off' },
      milliseconds: expect.any(Number),
    })
    expect(inference.depth).toBe(inference.outputs.depth)
    expect(inference.depth.shape).toEqual([24, 32])
  })

  test.concurrent('works in concurrent tests', async ({ expect: own }) => {
    const [a, b] = await Promise.all([
      infer('tiny', { scene: 'waves' }),
      infer('tiny', { scene: 'gradient' }),
    ])
    own(a).toMatchGolden()
    own(b).toMatchGolden()
  })

  test('can be held tighter or looser than the config', async () => {
    const inference = await infer('tiny', { scene: 'waves' })
    expect(messageOf(() => expect(inference).toMatchGolden({ tolerance: { absRel: 0 } }))).toContain('absRel')
    expect(messageOf(() => expect(inference).toMatchGolden({ tolerance: { absrel: 1 } as never }))).toContain(
      'did you mean "absRel"?',
    )
  })

  test('is asked for by names that exist', async () => {
    expect(() => scenes('tinny')).toThrow(/did you mean "tiny"/)
    await expect(infer('tiny', { scene: 'wafes' })).rejects.toThrow(/did you mean "waves"/)
    await expect(infer('tiny', { scene: 'waves', precision: 'tf32' })).rejects.toThrow(
      /cannot run at tf32 on a CPU/,
    )
  })

  test('judges each output with its own limits', async () => {
    writeConfig(folder, { models: { tiny: { onnx: 'models/tiny.onnx' } } })
    const inference = await infer('tiny', { scene: 'waves' })
    const wide = {
      ...inference,
      outputs: { ...inference.outputs, fov_deg: (inference.outputs.fov_deg as number) + 1 },
    }
    const text = messageOf(() => expect(wide).toMatchGolden())
    expect(text).toMatch(/✗\s+fov_deg .*every metric depth is off by that scale/)
    expect(text).toMatch(/✓\s+inverse_depth/)
  })

  test('an output that is lost fails', async () => {
    const { outputs, ...rest } = await infer('tiny', { scene: 'waves' })
    const { fov_deg: _, ...fewer } = outputs
    expect(messageOf(() => expect({ ...rest, outputs: fewer }).toMatchGolden())).toContain(
      'fov_deg        the engine gave no such output',
    )
  })
})

describe('a plain array', () => {
  test('says what it is of the golden, where that is seen', () => {
    const upsideDown = golden('waves').step(-1, 1)
    expect(messageOf(() => expect(upsideDown).toMatchGolden('tiny/waves'))).toMatch(
      /it is the golden upside down: turned back, absRel is 0 instead of/,
    )
    expect(messageOf(() => expect(scaled(golden('waves'), 1.02)).toMatchGolden('tiny/waves'))).toContain(
      'it is the golden times 1.02',
    )
  })

  test('is judged by the name of its golden, in any common form', () => {
    const map = golden('waves')
    expect(map).toMatchGolden('tiny/waves')
    expect(map.data).toMatchGolden('tiny/waves')
    expect({ data: map.data, dims: [1, 1, 24, 32] }).toMatchGolden('tiny/waves')
    expect({ data: Float64Array.from(map.data), shape: [24, 32] }).toMatchGolden('tiny/waves')
    expect(golden('waves', 'inverse_depth')).toMatchGolden('tiny/waves', { output: 'inverse_depth' })
  })

  test('uses the limits of the precision that is named', () => {
    const off = scaled(golden('waves'), 1.004)
    expect(off).toMatchGolden('tiny/waves', { precision: 'fp16' })
    expect(messageOf(() => expect(off).toMatchGolden('tiny/waves'))).toContain(
      'scale 1.004 is further from 1 than 0.001',
    )
  })

  test('a mask leaves pixels out', () => {
    const map = golden('waves')
    const values = Float32Array.from(map.data)
    values[0] = 1000
    const mask = new Uint8Array(values.length).fill(1)
    mask[0] = 0
    expect(messageOf(() => expect(values).toMatchGolden('tiny/waves'))).toContain('worst pixel x 0, y 0')
    expect(values).toMatchGolden('tiny/waves', { mask })
  })

  test.each<[string, unknown, string | undefined, RegExp]>([
    ['without a name', new Float32Array(768), undefined, /name it: toMatchGolden\('model\/scene'\)/],
    ['with half a name', new Float32Array(768), 'waves', /name it: toMatchGolden\('model\/scene'\)/],
    ['of an unknown scene', new Float32Array(768), 'tiny/wave', /did you mean "waves"/],
    ['of another length', new Float32Array(3), 'tiny/waves', /received 3 values, the golden is 24×32/],
    [
      'of another shape',
      { data: new Float32Array(768), shape: [32, 24] },
      'tiny/waves',
      /gave 32×24, the golden is 24×32; it is transposed/,
    ],
    ['that is a batch', { data: new Float32Array(1536), shape: [2, 24, 32] }, 'tiny/waves', /It is a batch/],
    [
      'that does not fill its shape',
      { data: new Float32Array(5), shape: [24, 32] },
      'tiny/waves',
      /5 values that do not fill their shape 24×32/,
    ],
    ['of float16 bits', new Uint16Array(768), 'tiny/waves', /received a Uint16Array.*widen them/],
    ['of integers', new Int32Array(768), 'tiny/waves', /received a Int32Array/],
    ['that is no array', 'depth', 'tiny/waves', /received a string/],
    ['that is nothing', undefined, 'tiny/waves', /received undefined/],
    ['that is nested', [[1, 2]], 'tiny/waves', /received a plain array/],
    ['that was not awaited', Promise.resolve(), undefined, /write `expect\(await infer/],
  ])('%s is told so', (_name, received, name, message) => {
    const args = (name === undefined ? [] : [name]) as []
    expect(messageOf(() => expect(received).toMatchGolden(...args))).toMatch(message)
  })
})

describe('use that cannot mean anything is refused', () => {
  const map = golden('waves')
  test('.not', () => {
    expect(messageOf(() => expect(scaled(map, 2)).not.toMatchGolden('tiny/waves'))).toContain(
      '.not.toMatchGolden() is refused',
    )
    expect(messageOf(() => expect(map).not.toMatchGolden('tiny/waves'))).toContain(
      '.not.toMatchGolden() is refused',
    )
  })
  test('asymmetric', () => {
    const inside = (expect as unknown as Record<string, (name: string) => unknown>).toMatchGolden!(
      'tiny/waves',
    )
    expect(messageOf(() => expect({ map }).toEqual({ map: inside }))).toContain(
      'cannot be used inside toEqual',
    )
  })
  test('expect.poll', async () => {
    const polled = expect.poll(() => map, { timeout: 200 }).toMatchGolden('tiny/waves')
    await expect(polled).rejects.toThrow('cannot be polled')
  })
  test('another golden than its own', async () => {
    const inference = await infer('tiny', { scene: 'waves' })
    expect(messageOf(() => expect(inference).toMatchGolden('tiny/gradient'))).toContain(
      'this depth is of tiny/waves',
    )
  })
})

describe('a mistake at the call is told, not ignored', () => {
  const off = () => scaled(golden('waves'), 3)
  const loose = (options: object) => options as never
  test.each<[string, () => unknown, RegExp]>([
    [
      'an unknown precision',
      () => expect(off()).toMatchGolden('tiny/waves', loose({ precision: 'FP32' })),
      /precision: "FP32" is unknown; did you mean "fp32"/,
    ],
    [
      'an inherited name for a precision',
      () => expect(off()).toMatchGolden('tiny/waves', loose({ precision: 'constructor' })),
      /"constructor" is unknown/,
    ],
    [
      'an unknown option',
      () => expect(golden('waves')).toMatchGolden('tiny/waves', loose({ tolerence: {} })),
      /option "tolerence" is unknown; did you mean "tolerance"/,
    ],
    [
      'an unknown output',
      () => expect(golden('waves')).toMatchGolden('tiny/waves', { output: 'dept' }),
      /has no output "dept"; did you mean "depth"/,
    ],
    [
      'a mask of booleans',
      () => expect(golden('waves')).toMatchGolden('tiny/waves', loose({ mask: new Array(768).fill(false) })),
      /`mask` is a Uint8Array/,
    ],
    [
      'a limit for a field of view',
      () => expect(golden('waves')).toMatchGolden('tiny/waves', { tolerance: { fovErrorDeg: 1 } }),
      /fovErrorDeg is no limit of a map/,
    ],
  ])('%s', (_name, run, message) => expect(messageOf(run)).toMatch(message))

  test('limits that are undefined leave the defaults in force', () => {
    const none = {
      rmse: undefined,
      absRel: undefined,
      p99Rel: undefined,
      scale: undefined,
      delta1: undefined,
    }
    expect(
      messageOf(() => expect(off()).toMatchGolden('tiny/waves', { tolerance: none as never })),
    ).toContain('scale 3 is further from 1')
  })

  test('without any limit nothing passes', () => {
    const none = {
      rmse: false,
      absRel: false,
      p99Rel: false,
      scale: false,
      delta1: false,
      edgeF1Drop: false,
      strays: false,
    } as const
    expect(
      messageOf(() => expect(golden('waves')).toMatchGolden('tiny/waves', { tolerance: none })),
    ).toContain('no limit is set, so anything would pass')
  })

  test.each([
    [{ presicion: 'fp16' }, /option "presicion" is unknown; did you mean "precision"/],
    [{ fusion: 'OFF!' }, /fusion: "OFF!" is unknown/],
    [{ precision: 'fp61' }, /precision: "fp61" is unknown/],
  ])('infer with %j', async (options, message) => {
    await expect(infer('tiny', { scene: 'waves', ...options } as never)).rejects.toThrow(message)
  })

  test('a depth that was replaced in what infer() returned', async () => {
    const inference = await infer('tiny', { scene: 'waves' })
    expect(messageOf(() => expect({ ...inference, depth: off() }).toMatchGolden())).toContain(
      '`depth` was replaced',
    )
  })

  test('a verdict over few pixels says so', () => {
    const mask = new Uint8Array(768)
    mask[0] = 1
    expect(messageOf(() => expect(off()).toMatchGolden('tiny/waves', { mask }))).toContain(
      'only 1 of 768 pixels were compared',
    )
  })
})

describe('a failure', () => {
  test('says what broke, by what factor, where, and what to do next; with a picture and the map', () => {
    const map = golden('gradient')
    const values = Float32Array.from(map.data)
    values[5 * 32 + 7] = values[5 * 32 + 7]! * 4
    const text = messageOf(() => expect(values).toMatchGolden('tiny/gradient'))
    expect(text).toContain('tiny/gradient at fp32 does not match its golden')
    expect(text).toMatch(/rmse .* is \d+(\.\d+)?× its limit of .* m \(0\.1% of the golden's mean\)/)
    expect(text).toMatch(/worst pixel x 7, y 5: golden .* m, engine .* m \(\+300 %\)/)
    const picture = /picture:\s+(.*\.png)/.exec(text)?.[1]
    const [, actual, goldenFile] = /look closer: npx depthgate compare (\S+) (\S+)/.exec(text) ?? []
    expect(readFileSync(picture!).subarray(1, 4).toString()).toBe('PNG')
    expect([...(readNpy(actual!) as DepthMap).data]).toEqual([...values])
    expect(existsSync(goldenFile!)).toBe(true)
  })

  test('never changes a golden', () => {
    const file = join(folder, 'golden/tiny/waves/depth.npy')
    const before = readFileSync(file)
    messageOf(() => expect(scaled(golden('waves'), 3)).toMatchGolden('tiny/waves'))
    expect(readFileSync(file)).toEqual(before)
  })

  test('a golden that was tampered with is not compared', () => {
    const file = join(folder, 'golden/tiny/gradient/inverse_depth.npy')
    const before = readFileSync(file)
    writeFileSync(file, encodeNpy(scaled(golden('gradient', 'inverse_depth'), 2)))
    try {
      expect(
        messageOf(() =>
          expect(golden('gradient', 'inverse_depth')).toMatchGolden('tiny/gradient', {
            output: 'inverse_depth',
          }),
        ),
      ).toContain('is not the file that was captured')
    } finally {
      writeFileSync(file, before)
    }
  })
})
