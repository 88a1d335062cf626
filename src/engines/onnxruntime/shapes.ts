import type { ModelProto } from '../../onnx/gen/onnx_pb.ts'
import { encodeModel } from '../../onnx/model.ts'
import { skeleton } from '../../onnx/skeleton.ts'
import { exchanged } from '../../onnx/taps.ts'
import { inferTypes } from '../../onnx/types.ts'
import { loadPieces } from './memory.ts'

/**
 * The lengths of tensors' axes, by name; a text where one is not known before a run, and no entry where the type is none
 * that ONNX Runtime takes or is not known. ONNX Runtime infers them: each tensor
 * becomes an output for a moment, and the session's metadata are read; nothing is run, and no weight is read.
 * @param shape of the network's input, where the model leaves axes open
 */
export async function tensorShapes(
  model: ModelProto,
  file: string,
  shape?: readonly number[],
): Promise<Map<string, readonly (number | string)[]>> {
  const { typeOf } = inferTypes(model)
  const written = model.graph!.node.flatMap(({ output }) => output)
  const tensors = written.filter(name => exchanged.has(typeOf(name)))
  const session = await loadPieces(encodeModel(skeleton(model, tensors, shape)), file)
  const shapes = new Map(
    [...session.inputMetadata, ...session.outputMetadata].flatMap(port =>
      port.isTensor ? [[port.name, port.shape] as const] : [],
    ),
  )
  await session.release()
  return shapes
}
