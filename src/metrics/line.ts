import type { FloatArray } from '../depth/depth-map.ts'

/** Least squares of y = scale · x + shift, over the places where both are finite; NaN where those are fewer than two. */
export function fitLine(x: FloatArray, y: FloatArray): { scale: number; shift: number } {
  let [n, sx, sy, sxx, sxy] = [0, 0, 0, 0, 0]
  for (let i = 0; i < x.length; i++) {
    const [a, b] = [x[i]!, y[i]!]
    if (!(Number.isFinite(a) && Number.isFinite(b))) continue
    n++
    sx += a
    sy += b
    sxx += a * a
    sxy += a * b
  }
  const scale = (n * sxy - sx * sy) / (n * sxx - sx * sx)
  return { scale, shift: (sy - scale * sx) / n }
}
