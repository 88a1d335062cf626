import { create } from '@bufbuild/protobuf'
import ort from 'onnxruntime-node'
import { DepthgateError, messageOf } from '../../base/errors.ts'
import { checkRealm } from '../../base/realm.ts'
import { type ModelProto, ValueInfoProtoSchema } from '../../onnx/gen/onnx_pb.ts'
import { encodeModel } from '../../onnx/model.ts'

/**
 * The element type of every tensor of the outermost graph, by name. ONNX Runtime infers them for every operator it
 * knows: each tensor becomes an output for a moment, and the session's metadata are read; nothing is run.
 */
export async function tensorTypes(model: ModelProto, file: string): Promise<Map<string, string>> {
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
  const types = new Map(
    [...session.inputMetadata, ...session.outputMetadata].map(port => [
      port.name,
      port.isTensor ? port.type : 'not a tensor',
    ]),
  )
  await session.release()
  return types
}
