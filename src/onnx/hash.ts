import { dirname, join } from 'node:path'
import { DepthgateError } from '../base/errors.ts'
import { sha256, sha256File } from '../base/files.ts'
import { type GraphProto, TensorProto_DataLocation } from './gen/onnx_pb.ts'
import { readModel } from './model.ts'
import { eachNode } from './nodes.ts'

/**
 * SHA-256 of a model with everything that it computes with: of its file, and where weights lie in external data, of those
 * files too. Throws where external data would lie outside the model's folder.
 */
export function hashOnnx(onnx: string): string {
  const own = sha256File(onnx)
  const external = externalFiles(onnx)
  return external.length === 0
    ? own
    : sha256([own, ...external.map(file => sha256File(join(dirname(onnx), file)))].join('\n'))
}

/** The files of external data that a model names, sorted, relative to its folder. */
function externalFiles(onnx: string): string[] {
  const files = new Set<string>()
  const collect = ({ initializer }: GraphProto) => {
    for (const { dataLocation, externalData, name } of initializer) {
      if (dataLocation !== TensorProto_DataLocation.EXTERNAL) continue
      const location = externalData.find(({ key }) => key === 'location')?.value ?? ''
      if (location === '' || location.startsWith('/') || location.split(/[\\/]/).includes('..'))
        throw new DepthgateError(
          'onnx',
          `${onnx}: the weight ${name} lies in ${JSON.stringify(location)}, outside the model's folder. Export it with its data beside it`,
        )
      files.add(location)
    }
  }
  const { graph } = readModel(onnx)
  collect(graph!)
  eachNode(graph!, node => {
    for (const { g, graphs } of node.attribute)
      for (const body of [...(g ? [g] : []), ...graphs]) collect(body)
  })
  return [...files].sort()
}
