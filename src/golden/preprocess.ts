import ndarray, { type NdArray } from 'ndarray'
import { DepthgateError } from '../base/errors.ts'
import type { FloatArray } from '../depth/depth-map.ts'
import { parseNpy } from '../depth/npy.ts'
import { parseImage } from '../depth/png.ts'
import type { Preprocessing } from './manifest.ts'

/**
 * The network's input for one scene file. A PNG's pixels become (pixel / 255 − mean) / std as float32 [1, 3, H, W];
 * a .npy is the tensor itself and is taken as it is. Capture hands the same tensor to PyTorch, so both see the same numbers.
 */
export function imageTensor(
  bytes: Uint8Array,
  file: string,
  { mean, std }: Preprocessing,
): NdArray<FloatArray> {
  if (file.endsWith('.npy')) return float32Tensor(parseNpy(bytes, file), file)
  const image = parseImage(bytes, file)
  const [height = 0, width = 0] = image.shape
  const pixels = height * width
  const tensor = new Float32Array(3 * pixels)
  for (let c = 0; c < 3; c++) {
    // 256 quotients a channel instead of one a pixel
    const values = Float32Array.from({ length: 256 }, (_, value) => (value / 255 - mean[c]!) / std[c]!)
    for (let i = 0; i < pixels; i++) tensor[c * pixels + i] = values[image.data[3 * i + c]!]!
  }
  return ndarray(tensor, [1, 3, height, width])
}

function float32Tensor(array: NdArray<FloatArray>, file: string): NdArray<FloatArray> {
  if (array.data instanceof Float32Array) return array
  throw new DepthgateError(
    'golden',
    `${file}: an input tensor is float32, this is float64. Save it with .astype('<f4')`,
  )
}
