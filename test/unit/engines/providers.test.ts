import { copyFileSync, symlinkSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'
import { afterEach, describe, expect, test, vi } from 'vitest'
import type { EngineRequest } from '../../../src/engines/engine.ts'
import { missingLibrary } from '../../../src/engines/onnxruntime/library.ts'
import { placementFault } from '../../../src/engines/onnxruntime/placement.ts'
import { checkArithmetic, providerFault } from '../../../src/engines/onnxruntime/provider.ts'
import { temporaryFolder } from '../../helpers/files.ts'

afterEach(() => vi.unstubAllEnvs())

describe('TF32 is known before a GPU provider runs:', () => {
  const check = (
    provider: 'cuda' | 'tensorrt' | 'cpu',
    precision: EngineRequest['precision'],
    override?: string,
    emulated = false,
  ) => {
    vi.stubEnv('NVIDIA_TF32_OVERRIDE', override)
    return () =>
      checkArithmetic({
        ...{ onnx: 'm.onnx', emulated, precision, fusion: 'on', cache: '', root: '' },
        engine: { engine: 'onnxruntime', provider },
      })
  }

  test.each(['cuda', 'tensorrt'] as const)('fp32 needs it off, tf32 needs it on: %s', provider => {
    expect(check(provider, 'fp32')).toThrow(/in TF32 unless NVIDIA_TF32_OVERRIDE=0 stands in the environment/)
    expect(check(provider, 'fp32', '1')).toThrow(/NVIDIA_TF32_OVERRIDE=0/)
    expect(check(provider, 'fp32', '0')).not.toThrow()
    expect(check(provider, 'tf32')).not.toThrow()
    expect(check(provider, 'tf32', '0')).toThrow(/keeps TF32 off in this process\. Remove it/)
  })

  test('the CPU has none', () => {
    expect(check('cpu', 'fp32')).not.toThrow()
  })

  test('an emulation is made of FP32 kernels, and needs it off too', () => {
    expect(check('cuda', 'fp16')).not.toThrow()
    expect(check('cuda', 'fp16', undefined, true)).toThrow(/before this process starts\. Set it$/)
    expect(check('cuda', 'fp16', '0', true)).not.toThrow()
    expect(check('tensorrt', 'bf16', '0', true)).toThrow(/Emulate on .* the provider cpu or cuda$/)
  })
})

describe('a provider that is not to be had', () => {
  test.each([
    [
      'OrtSessionOptionsAppendExecutionProvider_Cuda: Failed to load shared library',
      'engine-missing',
      /npm rebuild onnxruntime-node/,
    ],
    ['libcudnn.so.9: cannot open shared object file', 'engine-missing', /CUDA 12 and cuDNN 9/],
    ['CUDA failure 100: no CUDA-capable device is detected', 'engine-missing', /nvidia-smi/],
    [
      'This session contains graph nodes that are assigned to the default CPU EP, but fallback to CPU EP has been explicitly disabled by the user.',
      'engine',
      /Fold constants/,
    ],
  ])('%s', (message, code, fix) => {
    expect(providerFault('cuda', message)).toMatchObject({ code, fix: expect.stringMatching(fix) })
  })
})

test.runIf(process.platform === 'linux')('the library that a provider lacks is known beforehand', () => {
  const folder = temporaryFolder()
  const lacks = () => missingLibrary('cuda', folder)
  const own = join(folder, 'libonnxruntime_providers_cuda.so')
  expect(lacks()).toBe(`${own}: cannot open shared object file`)
  // ONNX Runtime's addon is a library that needs another, from its own folder
  const entry = createRequire(import.meta.url).resolve('onnxruntime-node')
  const bin = join(dirname(entry), '../bin/napi-v6', process.platform, process.arch)
  copyFileSync(join(bin, 'onnxruntime_binding.node'), own)
  expect(lacks()).toMatch(/libonnxruntime_providers_shared\.so: cannot open shared object file$/)
  writeFileSync(join(folder, 'libonnxruntime_providers_shared.so'), '')
  expect(lacks()).toBe('libonnxruntime.so.1: cannot open shared object file')
  symlinkSync(join(bin, 'libonnxruntime.so.1'), join(folder, 'libonnxruntime.so.1'))
  expect(lacks()).toBeUndefined()
})

describe('the profile proves where nodes ran', () => {
  const node = (op_name: string, provider: string) => ({ cat: 'Node', args: { op_name, provider } })
  const cuda = node('Conv', 'CUDAExecutionProvider')

  test('all on the GPU', () => {
    expect(placementFault([{ cat: 'Session' }, cuda], 'cuda')).toBeUndefined()
  })
  test('one on the CPU', () => {
    expect(placementFault([cuda, node('Shape', 'CPUExecutionProvider')], 'cuda')).toMatch(
      /1 of 2 nodes did not run on CUDAExecutionProvider: Shape on CPUExecutionProvider/,
    )
  })
  test('a profile that says nothing proves nothing', () => {
    expect(placementFault([], 'cuda')).toMatch(/names no node/)
  })
})
