import {
  cpSync,
  existsSync,
  mkdirSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  truncateSync,
  writeFileSync,
} from 'node:fs'
import { join } from 'node:path'
import type { FromSchema } from 'json-schema-to-ts'
import ndarray from 'ndarray'
import { beforeEach, describe, expect, expectTypeOf, test } from 'vitest'
import { packed } from '../../../src/depth/depth-map.ts'
import { metricDepth } from '../../../src/depth/metric-depth.ts'
import { encodeImage } from '../../../src/depth/png.ts'
import { type ImportRequest, importGolden } from '../../../src/golden/import.ts'
import { derivation, primaryOutput, unitOf } from '../../../src/golden/kinds.ts'
import type { CaptureRecord, Manifest, MapRecord, ScalarRecord } from '../../../src/golden/manifest.ts'
import type {
  captureRecord,
  manifestSchema,
  mapRecord,
  scalarRecord,
} from '../../../src/golden/manifest-schema.ts'
import { openGolden, readInput, readTruth, strayFiles } from '../../../src/golden/store.ts'
import { repo, temporaryFolder, writeMap } from '../../helpers/files.ts'

type Simplify<T> = { [K in keyof T]: T[K] }

let folder: string
let golden: string
const manifestPath = () => join(golden, 'manifest.json')
const edit = (change: (manifest: Manifest) => void) => {
  const manifest = JSON.parse(readFileSync(manifestPath(), 'utf8')) as Manifest
  change(manifest)
  writeFileSync(manifestPath(), JSON.stringify(manifest))
}

beforeEach(() => {
  folder = temporaryFolder()
  golden = join(folder, 'tiny')
  cpSync(join(repo, 'fixtures/tiny/golden/tiny'), golden, { recursive: true })
})

test('the types and the schema of the manifest say the same', () => {
  // arrays of a fixed length come out of the schema as unions; their items are checked, their length is ajv's
  type Loose<T> = { [K in keyof T]: T[K] extends readonly number[] ? number[] : T[K] }
  expectTypeOf<Loose<MapRecord>>().toEqualTypeOf<Loose<Simplify<FromSchema<typeof mapRecord>>>>()
  expectTypeOf<ScalarRecord>().toEqualTypeOf<Simplify<FromSchema<typeof scalarRecord>>>()
  expectTypeOf<CaptureRecord>().toExtend<FromSchema<typeof captureRecord>>()
  expectTypeOf<FromSchema<typeof captureRecord>>().toExtend<CaptureRecord>()
  type Whole = FromSchema<typeof manifestSchema>
  expectTypeOf<keyof Manifest>().toEqualTypeOf<keyof Whole>()
  expectTypeOf<Loose<Manifest['input']>>().toEqualTypeOf<Loose<Simplify<Whole['input']>>>()
  expectTypeOf<Whole['outputs'][string]>().toExtend<Manifest['outputs'][string]>()
})

describe('a golden that PyTorch captured', () => {
  test('gives inputs, maps and the field of view', () => {
    const opened = openGolden(golden)
    expect(readInput(opened, 'gradient').shape).toEqual([1, 3, 24, 32])
    expect(readInput(opened, 'waves').shape).toEqual([1, 3, 24, 32])
    const depth = readTruth(opened, 'gradient', 'depth')
    expect(typeof depth === 'object' && depth.shape).toEqual([24, 32])
    expect(readTruth(opened, 'gradient', 'fov_deg')).toBeCloseTo(60, 0)
    expect(strayFiles(opened)).toEqual([])
  })

  test('a picture becomes (pixel / 255 − mean) / std, RGB planes, float32', () => {
    edit(manifest => {
      manifest.input.mean = [0.5, 0.25, 0]
      manifest.input.std = [0.5, 1, 2]
    })
    // the fixture's pixel at x 3, y 2 is (24, 20, 0)
    const tensor = readInput(openGolden(golden), 'gradient')
    expect(tensor.get(0, 0, 2, 3)).toBe(Math.fround((24 / 255 - 0.5) / 0.5))
    expect(tensor.get(0, 1, 2, 3)).toBe(Math.fround((20 / 255 - 0.25) / 1))
    expect(tensor.get(0, 2, 2, 3)).toBe(0)
  })

  test('metric depth is what PyTorch derived, to the last digits of float32', () => {
    const opened = openGolden(golden)
    const canonical = readTruth(opened, 'waves', 'inverse_depth')
    const fov = readTruth(opened, 'waves', 'fov_deg')
    const derived = packed(metricDepth(canonical as never, fov as number))
    const torch = packed(readTruth(opened, 'waves', 'depth') as never)
    const worst = Math.max(...derived.map((value, i) => Math.abs(value - torch[i]!) / torch[i]!))
    expect(worst).toBeLessThan(5e-7)
  })
})

test('metric depth: zero is the sky at 10 000 m, NaN stays NaN, the ends are clamped', () => {
  const map = ndarray(Float32Array.of(0, Number.NaN, 1e9, 0.5), [2, 2])
  // fov 90°: f = W/2, so inverse = canonical · 2
  expect([...packed(metricDepth(map, 90))].map(value => Math.fround(value))).toEqual([
    10000,
    Number.NaN,
    Math.fround(1e-4),
    expect.closeTo(1, 6),
  ])
})

describe('a damaged golden is told by name', () => {
  const opens = () => {
    const opened = openGolden(golden)
    for (const scene of Object.keys(opened.manifest.scenes)) {
      readInput(opened, scene)
      for (const output of Object.keys(opened.manifest.outputs)) readTruth(opened, scene, output)
    }
  }
  const cases: [string, () => void, RegExp][] = [
    ['no manifest', () => rmSync(manifestPath()), /tiny\/manifest\.json: there is no golden here.*capture/],
    ['not JSON', () => truncateSync(manifestPath(), 100), /manifest\.json: is not JSON/],
    ['merge conflict', () => writeFileSync(manifestPath(), '{\n<<<<<<< ours\n'), /merge-conflict marks/],
    [
      'newer schema',
      () => edit(m => Object.assign(m, { schemaVersion: 2 })),
      /schemaVersion 2, this depthgate reads 1/,
    ],
    [
      'unknown key',
      () => edit(m => Object.assign(m, { scnes: {} })),
      /manifest\.json: does not fit[\s\S]*scnes/,
    ],
    [
      'a missing file',
      () => rmSync(join(golden, 'waves/depth.npy')),
      /waves\/depth\.npy: is missing.*manifest\.json names it/,
    ],
    [
      'another file',
      () => writeFileSync(join(golden, 'waves/depth.npy'), 'x'),
      /waves\/depth\.npy: is not the file that was captured/,
    ],
    [
      'an LFS pointer',
      () => writeFileSync(join(golden, 'waves/depth.npy'), 'version https://git-lfs.github.com/spec/v1\n'),
      /It is a Git LFS pointer, not the file itself \(run: git lfs pull; in a workflow/,
    ],
    [
      'another input',
      () => writeFileSync(join(golden, 'gradient/input.png'), 'x'),
      /gradient\/input\.png: is not the file/,
    ],
    [
      'a path that leaves',
      () => edit(m => Object.assign(m.scenes.waves!.outputs.depth!, { file: '../../etc/passwd' })),
      /manifest\.json: does not fit[\s\S]*file/,
    ],
    [
      'a name that leaves',
      () => edit(m => Object.assign(m.scenes, { '../up': m.scenes.waves })),
      /manifest\.json: does not fit/,
    ],
    [
      'a missing output',
      () =>
        edit(m => {
          delete m.scenes.waves!.outputs.depth
        }),
      /scene waves lacks the output depth/,
    ],
    [
      'an undeclared output',
      () =>
        edit(m => {
          m.scenes.waves!.outputs.extra = { value: 1 }
        }),
      /output extra, which the manifest does not declare/,
    ],
    [
      'a number for a map',
      () =>
        edit(m => {
          m.scenes.waves!.outputs.depth = { value: 1 }
        }),
      /output depth: a metric-depth is a map/,
    ],
    [
      'two goldens of one name',
      () =>
        writeFileSync(
          manifestPath(),
          readFileSync(manifestPath(), 'utf8').replace('"gradient": {', '"waves": {'),
        ),
      /manifest\.json: has two entries named "waves"/,
    ],
  ]
  test.each(cases)('%s', (_name, damage, message) => {
    damage()
    expect(opens).toThrow(message)
  })

  test('an unknown scene or output gets the nearest name', () => {
    const opened = openGolden(golden)
    expect(() => readInput(opened, 'wave')).toThrow(/has no scene "wave"; did you mean "waves"\?/)
    expect(() => readTruth(opened, 'waves', 'dept')).toThrow(/has no output "dept"; did you mean "depth"\?/)
    expect(() => readInput(opened, 'constructor')).toThrow(/has no scene/)
  })

  test('what a crash left is listed and never read; an interrupted capture is pointed to', () => {
    mkdirSync(join(golden, '.waves.import-12'))
    writeFileSync(join(golden, 'waves/depth.npy.123'), 'half a file')
    expect(strayFiles(openGolden(golden))).toEqual(['.waves.import-12', 'waves/depth.npy.123'])
    renameSync(golden, join(folder, '.tiny.old-99999977'))
    expect(() => openGolden(golden)).toThrow(/a capture was interrupted.*\.tiny\.old-99999977/)
  })
})

test('kinds: which map is looked at first, and what is derived', () => {
  expect(
    primaryOutput({
      a: { kind: 'canonical-inverse-depth' },
      f: { kind: 'fov' },
      z: { kind: 'metric-depth' },
    }),
  ).toBe('z')
  expect(primaryOutput({ f: { kind: 'fov' }, r: { kind: 'relative-depth' } })).toBe('r')
  expect(derivation({ a: { kind: 'inverse-depth' }, f: { kind: 'fov' } })).toBeUndefined()
  expect([unitOf('metric-depth'), unitOf('inverse-depth'), unitOf('fov'), unitOf('relative-depth')]).toEqual([
    'm',
    '1/m',
    '°',
    '',
  ])
})

describe('import', () => {
  let request: ImportRequest
  beforeEach(() => {
    const input = join(folder, 'in.png')
    writeFileSync(
      input,
      encodeImage(
        ndarray(
          Uint8Array.from({ length: 18 }, (_, i) => i),
          [2, 3, 3],
        ),
      ),
    )
    const depth = writeMap(folder, 'depth.npy', [1, 2, 3], [1, 2, 3, 4, 5, Number.NaN])
    const preprocessing = { color: 'rgb', layout: 'nchw', mean: [0, 0, 0], std: [1, 1, 1] } as const
    request = {
      goldens: join(folder, 'golden'),
      model: 'midas',
      scene: 'hall',
      input,
      depth,
      unit: 'm',
      output: 'depth',
      fovOutput: 'fov_deg',
      source: 'torch 2.11',
      preprocessing: { ...preprocessing, mean: [...preprocessing.mean], std: [...preprocessing.std] },
    }
  })
  const imported = () => join(folder, 'golden/midas')

  test('writes a golden that reads back: arrays as they were, with hashes and source', () => {
    const made = importGolden(request)
    const depth = readTruth(made, 'hall', 'depth')
    expect(typeof depth === 'object' && [...packed(depth)]).toEqual([1, 2, 3, 4, 5, Number.NaN])
    expect(made.manifest.scenes.hall?.source).toBe('torch 2.11')
    expect(readFileSync(join(imported(), 'hall/depth.npy'))).toEqual(readFileSync(request.depth))
    expect(readdirSync(join(imported(), 'hall')).sort()).toEqual(['depth.npy', 'input.png', 'preview.png'])
    expect(strayFiles(made)).toEqual([])
  })

  test('says what is odd: values that are not finite, a map of another size than its input', () => {
    const said = (change: Partial<ImportRequest> = {}) => {
      const remarks: string[] = []
      importGolden({ ...request, ...change, replace: true, onRemark: remark => remarks.push(remark) })
      return remarks
    }
    expect(said()).toEqual([expect.stringMatching(/^scene hall, output depth: 1 of 6 values are NaN or inf/)])
    const tensor = (name: string, shape: number[]) => writeMap(folder, name, shape, Array(12).fill(1))
    const depth = tensor('whole.npy', [4, 3])
    expect(said({ depth, input: tensor('chw.npy', [1, 1, 4, 3]) })).toEqual([])
    expect(said({ depth, input: tensor('hwc.npy', [1, 4, 3, 1]) })).toEqual([])
    expect(said({ depth })).toEqual([
      expect.stringMatching(/^scene hall, output depth: the map is 4×3, the input 1×3×2×3\. Right where/),
    ])
  })

  test('adds scenes to one manifest; derives metric depth from a canonical map', () => {
    const canonical = {
      ...request,
      model: 'pro',
      unit: 'canonical',
      output: 'inverse_depth',
      fovDeg: 90,
    } as const
    importGolden(canonical)
    const made = importGolden({ ...canonical, scene: 'yard' })
    expect(Object.keys(made.manifest.scenes)).toEqual(['hall', 'yard'])
    expect(Object.keys(made.manifest.outputs).sort()).toEqual(['depth', 'fov_deg', 'inverse_depth'])
    const depth = readTruth(made, 'yard', 'depth')
    expect(typeof depth === 'object' && depth.get(0, 0)).toBeCloseTo(0.5)
  })

  test('a name in use is refused, and with replace takes the place of the old one', () => {
    importGolden(request)
    expect(() => importGolden(request)).toThrow(/has a golden named hall already.*--replace/)
    const other = importGolden({ ...request, source: 'again', replace: true })
    expect(other.manifest.scenes.hall?.source).toBe('again')
  })

  const bad: [string, Partial<ImportRequest>, RegExp][] = [
    [
      'a scene of a reserved name',
      { scene: 'manifest.json' },
      /scene "manifest\.json": depthgate keeps a file of its own/,
    ],
    [
      'an output of a reserved name',
      { output: 'input' },
      /output "input": depthgate keeps a file of its own/,
    ],
    ['an empty source', { source: ' ' }, /--source is empty/],
    ['a scene that leaves the folder', { scene: '../up' }, /names are made of/],
    ['a model that leaves the folder', { model: '..' }, /names are made of/],
    ['an output that leaves the folder', { output: 'a/b' }, /names are made of/],
    ['a missing input', { input: '/none/in.png' }, /\/none\/in\.png: does not exist/],
    ['an input of another type', { input: '/none/in.jpg' }, /in\.jpg: the input is a \.png or \.npy/],
    ['an impossible field of view', { fovDeg: 180 }, /--fov 180/],
    [
      'canonical depth without a field of view',
      { unit: 'canonical' },
      /needs the field of view: .*--fov for an import/,
    ],
  ]
  test.each(bad)('%s writes nothing', (_name, change, message) => {
    expect(() => importGolden({ ...request, ...change })).toThrow(message)
    expect(existsSync(join(folder, 'golden'))).toBe(false)
  })

  test('a map without one finite value is refused', () => {
    const depth = writeMap(
      folder,
      'nan.npy',
      [2, 2],
      [Number.NaN, Number.NaN, Number.POSITIVE_INFINITY, Number.NaN],
    )
    expect(() => importGolden({ ...request, depth })).toThrow(
      /nan\.npy: no value of 2×2 is finite and above 0/,
    )
  })

  test('what lies in the way of a scene and is no golden is not removed', () => {
    importGolden(request)
    mkdirSync(join(imported(), 'yard'))
    writeFileSync(join(imported(), 'yard/notes'), 'mine')
    expect(() => importGolden({ ...request, scene: 'yard' })).toThrow(
      /yard: is there, but the manifest does not name it/,
    )
    expect(readFileSync(join(imported(), 'yard/notes'), 'utf8')).toBe('mine')
  })

  test('a lock of a process that is gone is taken over', () => {
    importGolden(request)
    mkdirSync(join(imported(), '.lock'))
    writeFileSync(join(imported(), '.lock/pid'), '999999999')
    expect(Object.keys(importGolden({ ...request, scene: 'yard' }).manifest.scenes)).toEqual(['hall', 'yard'])
  })

  test('a scene of other outputs or preprocessing does not mix in', () => {
    importGolden(request)
    expect(() => importGolden({ ...request, scene: 'b', unit: 'relative' })).toThrow(
      /One model, one set of outputs/,
    )
    expect(() =>
      importGolden({
        ...request,
        scene: 'b',
        preprocessing: { ...request.preprocessing, mean: [0.5, 0.5, 0.5] },
      }),
    ).toThrow(/same --mean and --std/)
    expect(Object.keys(openGolden(imported()).manifest.scenes)).toEqual(['hall'])
  })
})
