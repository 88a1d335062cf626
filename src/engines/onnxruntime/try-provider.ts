import { create } from '@bufbuild/protobuf'
import { messageOf } from '../../base/errors.ts'
import { ModelProtoSchema, TensorProto_DataType } from '../../onnx/gen/onnx_pb.ts'
import { encodeModel } from '../../onnx/model.ts'
import type { Availability } from '../availability.ts'
import { cpuName } from '../cpu.ts'
import { gpuFacts } from '../gpu.ts'
import { type OnnxRuntimeSettings, providerOf } from '../settings.ts'
import { missingLibrary } from './library.ts'
import ort from './ort.ts'
import { type ProviderFault, providerFault, providerOptions } from './provider.ts'

/** Why the provider cannot work on this machine: a session of it for a network of one addition is made and run. */
export async function providerProblem(settings: OnnxRuntimeSettings): Promise<ProviderFault | undefined> {
  const provider = providerOf(settings)
  const missing = missingLibrary(provider)
  if (missing !== undefined) return providerFault(provider, missing)
  try {
    const session = await ort.InferenceSession.create(
      addition(),
      providerOptions({ engine: settings, precision: 'fp32', fusion: 'on' }),
    )
    await session.run({ x: new ort.Tensor('float32', [1], [1]) })
    await session.release()
    return undefined
  } catch (cause) {
    return providerFault(provider, messageOf(cause))
  }
}

/** Tries the provider, and tells what it runs on. */
export async function tryProvider(settings: OnnxRuntimeSettings): Promise<Availability> {
  const problem = await providerProblem(settings)
  if (problem) return { type: 'missing', reason: problem.reason, fix: problem.fix }
  const provider = providerOf(settings)
  const version = `ONNX Runtime ${ort.env.versions.node ?? ''}`.trim()
  const gpu = provider === 'cpu' ? undefined : gpuFacts(settings.device ?? 0)
  const device =
    gpu === undefined ? cpuName() : 'reason' in gpu ? 'a GPU that nvidia-smi does not tell of' : gpu.name
  return { type: 'works', detail: `${version}, provider ${provider}, on ${device}` }
}

function addition(): Uint8Array {
  const port = (name: string) => ({
    name,
    type: {
      value: {
        case: 'tensorType' as const,
        value: {
          elemType: TensorProto_DataType.FLOAT,
          shape: { dim: [{ value: { case: 'dimValue' as const, value: 1n } }] },
        },
      },
    },
  })
  const model = create(ModelProtoSchema, {
    irVersion: 8n,
    opsetImport: [{ domain: '', version: 17n }],
    graph: {
      name: 'addition',
      node: [{ opType: 'Add', input: ['x', 'x'], output: ['y'] }],
      input: [port('x')],
      output: [port('y')],
    },
  })
  return Buffer.concat(encodeModel(model))
}
