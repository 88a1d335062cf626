import { dirname, resolve } from 'node:path'
import { DepthgateError, messageOf } from '../../base/errors.ts'
import { checkRealm } from '../../base/realm.ts'
import ort from './ort.ts'

/**
 * Loads a model that is not in a file, on the CPU and without optimisation.
 * @param pieces its bytes
 * @param file the model that it came from: errors name it, and its external data lie beside it
 */
export async function loadPieces(pieces: readonly Uint8Array[], file: string): Promise<ort.InferenceSession> {
  checkRealm()
  try {
    return await ort.InferenceSession.create(Buffer.concat(pieces), {
      executionProviders: ['cpu'],
      graphOptimizationLevel: 'disabled',
      logSeverityLevel: 3,
      extra: { session: { model_external_initializers_file_folder_path: dirname(resolve(file)) } },
    })
  } catch (cause) {
    throw new DepthgateError('onnx', `${file}: ONNX Runtime cannot load it: ${messageOf(cause)}`, { cause })
  }
}
