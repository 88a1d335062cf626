import { comparedRange, type Pair } from './pair.ts'

/** What one pass over both maps finds, pixel by pixel. Sums and largest errors leave non-finite actuals out. */
export interface PixelPass {
  /** Golden finite, above 0, inside the range and not masked. */
  compared: number
  /** Golden finite and not masked, but not above 0 or outside [min, max]. */
  outside: number
  /** Golden NaN or infinite, and not masked. */
  goldenNonFinite: number
  masked: number
  /** Actual NaN or infinite, anywhere in the map. */
  actualNonFinite: number
  /** Index of the first of those, or −1. */
  firstNonFinite: number
  /** Over the compared pixels. */
  goldenSum: number
  /** Compared pixels with a finite actual: the n of every mean. */
  finite: number
  /** Those of them with actual ≤ 0, which have no logarithm: where there are any, the log sums say nothing. */
  nonPositive: number
  sumAbs: number
  sumSquare: number
  sumRel: number
  sumSquareRel: number
  /** d = ln a − ln g. */
  sumAbsLog: number
  sumSquareLog: number
  /** The first pixel's d, and the sums of d − shift and of its square. */
  shift: number
  sumShifted: number
  sumSquareShifted: number
  /** Pixels whose factor max(a/g, g/a) is below 1.25; below 1.25² but not 1.25; below 1.25³ but not 1.25². */
  within1: number
  within2: number
  within3: number
  maxAbs: number
  maxRel: number
  /** Index of the first pixel with the largest relative error, or −1. */
  worst: number
  /** Bounds of a / g. */
  minRatio: number
  maxRatio: number
}

/** |a − g| / g and a / g of each of the `finite` pixels. Scratch: good until the next pass. */
export interface PixelErrors {
  readonly relative: Float64Array
  readonly ratio: Float64Array
}

/** The pixels of one row that enter the sums, packed: `length` of them. Scratch, small enough for the cache. */
interface Row {
  readonly golden: Float64Array
  readonly actual: Float64Array
  /** Where in the map each of them is. */
  readonly index: Uint32Array
  /** ln a − ln g of each. */
  readonly log: Float64Array
  length: number
}

const DELTA1 = 1.25
const DELTA2 = 1.25 ** 2
const DELTA3 = 1.25 ** 3
/** |a − g| / g below this is a factor below 1.25 either way (1 / 0.81 < 1.24), with no second division. */
const SURELY_DELTA1 = 0.19

let errorScratch = newErrors(0)
let rowScratch = newRow(0)

/**
 * Reads both maps once, a row at a time; each step then loops over the row while it is in the cache. That
 * leaves every loop few enough sums for the registers, and sums of a row's sums keep
 * several digits more than one sum over millions of pixels. All sums are float64.
 */
export function comparePixels(pair: Pair): PixelPass & PixelErrors {
  const { width } = pair
  const pixels = pair.golden.length
  if (errorScratch.relative.length < pixels) errorScratch = newErrors(pixels)
  if (rowScratch.golden.length < width) rowScratch = newRow(width)
  const errors = errorScratch
  const row = rowScratch
  const pass = emptyPass()
  for (let start = 0; start < pixels; start += width) {
    pack(pair, start, row, pass)
    addErrors(row, pass, errors)
    if (pass.nonPositive === 0) addLogs(row, pass)
  }
  return {
    ...pass,
    relative: errors.relative.subarray(0, pass.finite),
    ratio: errors.ratio.subarray(0, pass.finite),
  }
}

/** Packs the pixels of the row that begins at `start` which enter the sums, and has the others counted. */
function pack(pair: Pair, start: number, row: Row, pass: PixelPass): void {
  const { golden, actual, width, mask } = pair
  const { golden: packedGolden, actual: packedActual, index } = row
  const [low, high] = comparedRange(pair)
  let sum = 0
  let length = 0
  for (let i = start; i < start + width; i++) {
    const g = golden[i]!
    const a = actual[i]!
    if (g >= low && g <= high && Number.isFinite(a) && (mask === undefined || mask[i] !== 0)) {
      sum += g
      packedGolden[length] = g
      packedActual[length] = a
      index[length] = i
      length++
    } else countLeftOut(pair, i, pass)
  }
  row.length = length
  pass.compared += length
  pass.goldenSum += sum
}

/** Says why a pixel enters no sum. */
function countLeftOut(pair: Pair, i: number, pass: PixelPass): void {
  const { golden, actual, mask } = pair
  const g = golden[i]!
  // before any mask: an engine's NaN is a failure wherever it stands
  if (!Number.isFinite(actual[i])) {
    if (pass.actualNonFinite === 0) pass.firstNonFinite = i
    pass.actualNonFinite++
  }
  const [low, high] = comparedRange(pair)
  if (mask !== undefined && mask[i] === 0) pass.masked++
  else if (!Number.isFinite(g)) pass.goldenNonFinite++
  else if (!(g >= low && g <= high)) pass.outside++
  else {
    pass.compared++
    pass.goldenSum += g
  }
}

/** Absolute and relative errors, ratios and the factors within the delta bounds. */
function addErrors(row: Row, pass: PixelPass, { relative, ratio }: PixelErrors): void {
  const { golden, actual, length } = row
  const { finite } = pass
  let sumAbs = 0
  let sumSquare = 0
  let sumRel = 0
  let sumSquareRel = 0
  let within1 = 0
  // from constants, not from fields of the pass: an engine then knows them to be numbers, and boxes none
  let maxAbs = 0
  let maxRel = -Infinity
  let worst = 0
  let minRatio = Infinity
  let maxRatio = -Infinity
  for (let k = 0; k < length; k++) {
    const g = golden[k]!
    const a = actual[k]!
    const abs = Math.abs(a - g)
    const rel = abs / g
    const factor = a / g
    relative[finite + k] = rel
    ratio[finite + k] = factor
    sumAbs += abs
    sumSquare += abs * abs
    sumRel += rel
    sumSquareRel += abs * rel
    if (factor < minRatio) minRatio = factor
    if (factor > maxRatio) maxRatio = factor
    if (abs > maxAbs) maxAbs = abs
    if (rel > maxRel) {
      maxRel = rel
      worst = k
    }
    if (rel < SURELY_DELTA1) within1++
    else if (a > 0) {
      const apart = Math.max(factor, g / a)
      if (apart < DELTA1) within1++
      else if (apart < DELTA2) pass.within2++
      else if (apart < DELTA3) pass.within3++
    } else pass.nonPositive++
  }
  pass.finite += length
  pass.sumAbs += sumAbs
  pass.sumSquare += sumSquare
  pass.sumRel += sumRel
  pass.sumSquareRel += sumSquareRel
  pass.within1 += within1
  pass.maxAbs = Math.max(pass.maxAbs, maxAbs)
  pass.minRatio = Math.min(pass.minRatio, minRatio)
  pass.maxRatio = Math.max(pass.maxRatio, maxRatio)
  if (maxRel > pass.maxRel) {
    pass.maxRel = maxRel
    pass.worst = row.index[worst]!
  }
}

/** Sums over d = ln a − ln g; all of the row must be above 0. */
function addLogs(row: Row, pass: PixelPass): void {
  const { log, length } = row
  if (length === 0) return
  logRatios(row)
  // mean(d²) − mean(d)² cancels badly where d is nearly the same everywhere (a pure scale error);
  // a variance stays the same when every d is shifted, so shift them all by the first
  if (Number.isNaN(pass.shift)) pass.shift = log[0]!
  const { shift } = pass
  let sumAbs = 0
  let sumSquare = 0
  let sumShifted = 0
  let sumSquareShifted = 0
  for (let k = 0; k < length; k++) {
    const d = log[k]!
    const shifted = d - shift
    sumAbs += Math.abs(d)
    sumSquare += d * d
    sumShifted += shifted
    sumSquareShifted += shifted * shifted
  }
  pass.sumAbsLog += sumAbs
  pass.sumSquareLog += sumSquare
  pass.sumShifted += sumShifted
  pass.sumSquareShifted += sumSquareShifted
}

/** s² up to here takes the series below: a and g within a factor of 1.065. */
const SERIES = 0.001

/**
 * Fills in ln a − ln g.
 *
 * SOURCE: ln(a/g) = 2·artanh(s) with s = (a − g) / (a + g), and artanh s = s + s³/3 + s⁵/5 + … . Where maps nearly
 * agree, as an engine's should, four terms after the first reach the last bit (0.001⁵ / 11 < 2⁻⁵³) in
 * half the time of Math.log. They are the more accurate way, too: there a − g is exact, while a / g loses the
 * low bits of a small difference before any logarithm sees it.
 */
function logRatios({ golden, actual, log, length }: Row): void {
  let far = 0
  for (let k = 0; k < length; k++) {
    const g = golden[k]!
    const a = actual[k]!
    const s = (a - g) / (a + g)
    const q = s * s
    log[k] = 2 * s * (1 + q * (1 / 3 + q * (1 / 5 + q * (1 / 7 + q * (1 / 9)))))
    if (!(q < SERIES)) far++
  }
  if (far === 0) return
  // a loop of its own: a call in the one above would cost more than all of its arithmetic
  for (let k = 0; k < length; k++) {
    const g = golden[k]!
    const a = actual[k]!
    const s = (a - g) / (a + g)
    if (s * s < SERIES) continue
    const factor = a / g
    // the quotient may leave the range of float64 where the two logarithms do not
    log[k] = factor > 0 && factor < Infinity ? Math.log(factor) : Math.log(a) - Math.log(g)
  }
}

function newRow(width: number): Row {
  return {
    golden: new Float64Array(width),
    actual: new Float64Array(width),
    index: new Uint32Array(width),
    log: new Float64Array(width),
    length: 0,
  }
}

/**
 * The sums start at −0, which changes none of them: an engine stores 0 as an integer, and a field that turns
 * from integer to double midway costs the loops above half their speed.
 */
function emptyPass(): PixelPass {
  return {
    compared: 0,
    outside: 0,
    goldenNonFinite: 0,
    masked: 0,
    actualNonFinite: 0,
    firstNonFinite: -1,
    goldenSum: -0,
    finite: 0,
    nonPositive: 0,
    sumAbs: -0,
    sumSquare: -0,
    sumRel: -0,
    sumSquareRel: -0,
    sumAbsLog: -0,
    sumSquareLog: -0,
    shift: Number.NaN,
    sumShifted: -0,
    sumSquareShifted: -0,
    within1: 0,
    within2: 0,
    within3: 0,
    maxAbs: -0,
    maxRel: -Infinity,
    worst: -1,
    minRatio: Infinity,
    maxRatio: -Infinity,
  }
}

function newErrors(pixels: number): PixelErrors {
  return { relative: new Float64Array(pixels), ratio: new Float64Array(pixels) }
}
