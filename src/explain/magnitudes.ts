import type { FloatArray } from '../depth/depth-map.ts'

/** How often values of each magnitude occur, a bin for each power of two. */
export interface Magnitudes {
  /** Exponent of the first bin: it counts magnitudes from 2^first up to, not with, 2^(first + 1). */
  first: number
  counts: number[]
  /** Values that are 0. */
  zeros: number
}

/** What a tensor holds in FP32, and how far off it is. */
export interface TensorMagnitudes {
  full: Magnitudes
  /** Of the differences that the node alone in the format makes. */
  local: Magnitudes
  /** Of those of the network as a whole in the format. */
  accumulated: Magnitudes
}

/** Exponents from below FP32's smallest, 2^-149, to above its largest. */
const [lowest, bins] = [-150, 279]
/** Zeros stand behind the bins. */
const length = bins + 1
const number = new Float32Array(1)
const bits = new Uint32Array(number.buffer)

/** Of a larger tensor every so many values are counted: a hundred million tell no more of a curve, and take a second. */
const most = 2 ** 20

/** Counts of one tensor over all scenes: the same few kB, and about the same time, whatever its size. */
export class MagnitudeCounts {
  readonly #counts = new Float64Array(3 * length)

  /**
   * Counts one scene in, of a million values each, of more an even pick. Places where a value is not finite are left out:
   * they are told by the error.
   */
  take(full: FloatArray, local: FloatArray, emulated: FloatArray): void {
    const counts = this.#counts
    // an odd step does not fall in with axes, whose lengths are mostly even
    const step = Math.ceil(full.length / most) | 1
    for (let i = 0; i < full.length; i += step) {
      const truth = full[i]!
      count(counts, 0, truth)
      count(counts, length, local[i]! - truth)
      count(counts, 2 * length, emulated[i]! - truth)
    }
  }

  summary(): TensorMagnitudes {
    const part = (index: number) => trimmed(this.#counts.subarray(index * length, (index + 1) * length))
    return { full: part(0), local: part(1), accumulated: part(2) }
  }
}

function count(counts: Float64Array, from: number, value: number): void {
  number[0] = value
  const exponent = (bits[0]! >>> 23) & 255
  if (exponent === 255) return
  // FP32's own subnormals have no leading one, so their exponent is counted out
  const bin =
    exponent > 0 ? exponent - 127 - lowest : number[0] === 0 ? bins : subnormalExponent(number[0]) - lowest
  counts[from + bin]!++
}

function subnormalExponent(value: number): number {
  return Math.floor(Math.log2(Math.abs(value)))
}

function trimmed(counts: Float64Array): Magnitudes {
  const used = counts.subarray(0, bins)
  const first = used.findIndex(value => value > 0)
  const last = used.findLastIndex(value => value > 0)
  return {
    first: first === -1 ? 0 : first + lowest,
    counts: first === -1 ? [] : [...used.subarray(first, last + 1)],
    zeros: counts[bins]!,
  }
}
