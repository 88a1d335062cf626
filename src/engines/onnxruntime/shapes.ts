import { create } from '@bufbuild/protobuf'
import ort from 'onnxruntime-node'
import { DepthgateError, messageOf } from '../../base/errors.ts'
import { checkRealm } from '../../base/realm.ts'
import { type ModelProto, ValueInfoProtoSchema } from '../../onnx/gen/onnx_pb.ts'
import { encodeModel } from '../../onnx/model.ts'

/**
 * The lengths of every tensor's axes in the main graph, by name; a text where one is not known before a run. ONNX Runtime
 * infers them: each tensor becomes an output for a moment, and the session's metadata are read; nothing is run.
 */
export async function tensorShapes(
  model: ModelProto,
  file: string,
): Promise<Map<string, readonly (number | string)[]>> {
  checkRealm()
  const graph = model.graph!
  const { output } = graph
  const known = new Set(output.map(({ name }) => name))
  const taps = graph.node.flatMap(node => node.output).filter(name => name !== '' && !known.has(name))
  graph.output = [...output, ...taps.map(name => create(ValueInfoProtoSchema, { name }))]
  const bytes = Buffer.concat(encodeModel(model))
  graph.output = output
  let session: ort.InferenceSession
  try {
    session = await ort.InferenceSession.create(bytes, {
      executionProviders: ['cpu'],
      graphOptimizationLevel: 'disabled',
      logSeverityLevel: 3,
    })
  } catch (cause) {
    throw new DepthgateError('onnx', `${file}: ONNX Runtime cannot load it: ${messageOf(cause)}`, { cause })
  }
  const shapes = new Map(
    [...session.inputMetadata, ...session.outputMetadata].flatMap(port =>
      port.isTensor ? [[port.name, port.shape] as const] : [],
    ),
  )
  await session.release()
  return shapes
}
