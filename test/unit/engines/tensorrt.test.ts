import { describe, expect, test } from 'vitest'
import { type BuildJob, buildFault } from '../../../src/engines/tensorrt/build.ts'
import { summarise } from '../../../src/engines/tensorrt/layers.ts'
import { planFor, planKey, usesTf32, withTimings } from '../../../src/engines/tensorrt/plan.ts'
import { loadFault } from '../../../src/engines/tensorrt/session.ts'
import { type Host, obstacle } from '../../../src/engines/tensorrt/workers.ts'
import { Unbuildable } from '../../../src/engines/unbuildable.ts'

const host: Host = {
  ...{ gpu: 'NVIDIA H200', computeCapability: '9.0', cuda: '13.0', memory: 1, tensorrt: '10.6.0' },
  ...{ python: '3.12.3', driver: '580.159.03', weakTyping: true },
}
const job: BuildJob = {
  ...{ onnx: 'm.onnx', device: 0, precision: 'fp16', typing: 'strong', tf32: false },
}

describe('the key of a plan', () => {
  const key = planKey(job, 'a', host)

  test('stands for everything that changes the plan', () => {
    const others = [
      planKey(job, 'b', host),
      planKey({ ...job, precision: 'fp32' }, 'a', host),
      planKey({ ...job, optimizationLevel: 5 }, 'a', host),
      planKey({ ...job, tf32: true }, 'a', host),
      planKey({ ...job, unfused: 'outputs' }, 'a', host),
      planKey({ ...job, shape: [1, 3, 8, 8] }, 'a', host),
      planKey(job, 'a', { ...host, tensorrt: '10.7.0' }),
      planKey(job, 'a', { ...host, driver: '570.1' }),
      planKey(job, 'a', { ...host, gpu: 'NVIDIA H100' }),
      planKey(job, 'a', { ...host, computeCapability: '8.9' }),
    ]
    expect(new Set([key, ...others]).size).toBe(others.length + 1)
  })

  test('does not change with where the file lies; with the scenes only where they calibrate', () => {
    expect(planKey({ ...job, onnx: 'elsewhere.onnx' }, 'a', host)).toBe(key)
    expect(planKey(job, 'a', host, 'scenes')).toBe(key)
    const weak: BuildJob = { ...job, typing: 'weak', precision: 'int8' }
    expect(planKey(weak, 'a', host, 'scenes')).not.toBe(planKey(weak, 'a', host, 'others'))
  })
})

test('timings of kernels lie beside the plans, a file for each GPU and TensorRT, unless others or none are asked for', () => {
  const file = (on: Partial<Host>) =>
    withTimings(job, {}, '/cache/plans/a.plan', { ...host, ...on }).timingCache
  expect(file({})).toMatch(/^\/cache\/plans\/timings-[0-9a-f]{16}\.bin$/)
  expect(new Set([file({}), file({ gpu: 'NVIDIA H100' }), file({ tensorrt: '10.7.0' })]).size).toBe(3)
  for (const timingCache of ['/named.bin', false] as const)
    expect(withTimings(job, { timingCache }, '/cache/plans/a.plan', host)).toBe(job)
})

test('TF32 is never on in fp32, and in reduced precisions where it is allowed', () => {
  const among = (settings: { allowTf32?: boolean }) =>
    (['fp32', 'tf32', 'fp16', 'bf16', 'int8', 'fp8'] as const).filter(each => usesTf32(each, settings))
  expect(among({})).toEqual(['tf32'])
  expect(among({ allowTf32: true })).toEqual(['tf32', 'fp16', 'bf16', 'int8', 'fp8'])
})

test('a plan that could not be kept is not built', async () => {
  const request = { onnx: 'm.onnx', emulated: false, precision: 'fp16', fusion: 'on' } as const
  // below a regular file, where not even root may write
  const cache = `${import.meta.filename}/cache`
  await expect(
    planFor({ ...request, engine: { engine: 'tensorrt' }, cache, root: '/' }, 'a', host),
  ).rejects.toThrow(/cache\/plans: cannot be written: .* is no folder\. .* DEPTHGATE_CACHE/)
})

describe('what the inspector tells', () => {
  test('is summed up by kind, format and fused group', () => {
    const outputs = (format: string) => [{ Name: 'x', 'Format/Datatype': format }]
    expect(
      summarise({
        Layers: [
          {
            Name: 'conv',
            LayerType: 'CaskConvolution',
            Metadata: '[ONNX Layer: /c]',
            Outputs: outputs('Row major linear FP16'),
          },
          {
            ...{ Name: '{ForeignNode}', LayerType: 'kgen', Outputs: outputs('Row major linear FP32') },
            Metadata: '[ONNX Layer: /a]\u001e[ONNX Layer: /b]\u001e[ONNX Layer: /a]',
          },
          { Name: 'mul + add + relu', LayerType: 'PointWise', Outputs: [] },
        ],
      }),
    ).toEqual({
      layers: 3,
      fused: 2,
      largest: [
        { layer: 'mul + add + relu', nodes: 3 },
        { layer: '{ForeignNode}', nodes: 2 },
      ],
      types: { CaskConvolution: 1, kgen: 1, PointWise: 1 },
      formats: { 'Row major linear FP16': 1, 'Row major linear FP32': 1 },
    })
  })

  test('is names alone of a plan that was built without detail', () => {
    expect(summarise({ Layers: ['a', 'b + c'] })).toMatchObject({ layers: 2, fused: 1, types: {} })
    expect(summarise({})).toMatchObject({ layers: 0 })
  })
})

describe('a fault is told with the way out:', () => {
  const refused = (kind: string) => ({ type: 'refused' as const, kind, message: "TensorRT's words" })

  test.each([
    ['parse', /its parser refuses the ONNX:\nTensorRT's words\nExport without that operator/],
    ['memory', /ran out of memory:\nTensorRT's words\nFree the GPU, or lower `workspaceMiB`/],
    ['build', /^m\.onnx: TensorRT cannot build it at fp16:\nTensorRT's words$/],
    ['weak-typing', /at fp16: TensorRT's words$/],
  ])('a build, %s', (kind, message) => {
    const fault = buildFault(job, 60, refused(kind))
    expect(fault.message).toMatch(message)
    expect(fault).not.toBeInstanceOf(Unbuildable)
  })

  test.each<[BuildJob['precision'], string, string]>([
    [
      'bf16',
      "No supported formats for node_upsample, in 'BF16'",
      "Keep it FP32: recipes: { bf16: { keep: ['node_upsample'] } }, or its operator for all such nodes",
    ],
    [
      'bf16',
      "Could not infer output types for operation: 27824: deconv: convolution_2/bf16'",
      "Keep it FP32: recipes: { bf16: { keep: ['ConvTranspose'] } }",
    ],
    // a quantised node is named behind its weight; `keep` leaves it to the rest
    [
      'int8',
      'No supported formats for encoder.up_high.1.weight/int8 + node_convolution_4\nIBuilder::build: Error',
      "Leave it to the rest: recipes: { int8: { keep: ['node_convolution_4'] } }, or its operator",
    ],
    [
      'fp8',
      'No supported formats for up.weight/fp8 + node_convolution_4 + node_relu',
      "Leave it to the rest: recipes: { fp8: { keep: ['node_convolution_4'] } }",
    ],
    // a node of the rest is in FP32 by `keepFp32` alone
    [
      'int8',
      "No supported formats for node_upsample, in 'BF16'",
      "Keep it FP32: recipes: { int8: { keepFp32: ['node_upsample'] } }",
    ],
    [
      'int8',
      "Could not infer output types for operation: 27824: deconv: convolution_2/bf16'",
      "Keep it FP32: recipes: { int8: { keepFp32: ['ConvTranspose'] } }",
    ],
    [
      'int8',
      'Error Code 10: Internal Error (Could not find any implementation for node {ForeignNode[val_709/int8...node_cat_14]}.)',
      'TensorRT has no kernel for what it compiles as one, from val_709/int8 to node_cat_14: another recipe',
    ],
  ])('a kernel that is missing at %s, and what to keep: %s', (precision, words, way) => {
    const answer = { type: 'refused', kind: 'build', message: words } as const
    const fault = buildFault({ ...job, precision }, 60, answer)
    expect(fault.message).toContain(`\n${way}`)
    // a search for a mixture goes on with another one
    expect(fault).toBeInstanceOf(Unbuildable)
  })

  test('a kernel that is missing for what depthgate itself put in has no node to keep', () => {
    const message = 'No supported formats for depthgate-quantize:x/int8'
    const fault = buildFault({ ...job, precision: 'int8' }, 60, { type: 'refused', kind: 'build', message })
    expect(fault.message).toBe(`m.onnx: TensorRT cannot build it at int8:\n${message}`)
    expect(fault).toBeInstanceOf(Unbuildable)
  })

  test('a build that crashes or hangs', () => {
    expect(
      buildFault(job, 60, { type: 'lost', how: 'ended', message: 'it was ended by SIGSEGV' }).message,
    ).toMatch(/the build's process is gone: it was ended by SIGSEGV/)
    expect(buildFault(job, 60, { type: 'lost', how: 'time', message: '' }).message).toMatch(
      /took longer than 60 s\. Raise `buildSeconds`/,
    )
  })

  test('a plan from elsewhere, and one of the own cache', () => {
    expect(loadFault('a.plan', host, true, refused('plan'))).toMatch(
      /a\.plan: is no plan for TensorRT 10\.6\.0 on NVIDIA H200 \(compute capability 9\.0\):\nTensorRT's words\nBuild the plan with/,
    )
    expect(loadFault('a.plan', host, false, refused('plan'))).toMatch(
      /Remove it; the next run builds it anew/,
    )
    expect(loadFault('a.plan', host, true, refused('memory'))).toMatch(/the GPU has no room for it/)
  })

  test.each([
    [{ type: 'refused', kind: 'no-tensorrt', message: 'x' }, /^py -m pip install tensorrt/],
    [{ type: 'refused', kind: 'no-gpu', message: 'x' }, /nvidia-smi/],
    [{ type: 'refused', kind: 'memory', message: 'x' }, /^Free the GPU/],
    [{ type: 'lost', how: 'start', message: 'x' }, /Install Python/],
    [{ type: 'lost', how: 'ended', message: 'x' }, /py -c "import tensorrt"/],
  ] as const)('what stands in the way: %j', (answer, fix) => {
    expect(obstacle('py', answer).fix).toMatch(fix)
  })
})
