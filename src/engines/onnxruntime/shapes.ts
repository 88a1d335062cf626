import type { ModelProto } from '../../onnx/gen/onnx_pb.ts'
import { encodeTapped } from '../../onnx/taps.ts'
import { loadPieces } from './memory.ts'

/**
 * The lengths of tensors' axes, by name; a text where one is not known before a run. ONNX Runtime infers them: each tensor
 * becomes an output for a moment, and the session's metadata are read; nothing is run.
 * @param tensors by default all that nodes of the main graph write
 */
export async function tensorShapes(
  model: ModelProto,
  file: string,
  tensors: readonly string[] = model.graph!.node.flatMap(({ output }) => output).filter(name => name !== ''),
): Promise<Map<string, readonly (number | string)[]>> {
  const session = await loadPieces(encodeTapped(model, tensors), file)
  const shapes = new Map(
    [...session.inputMetadata, ...session.outputMetadata].flatMap(port =>
      port.isTensor ? [[port.name, port.shape] as const] : [],
    ),
  )
  await session.release()
  return shapes
}
