/**
 * Exact quantiles without sorting: radix selection on the bits of IEEE 754 doubles, whose order, sign apart, is
 * that of their bits read as an integer. Each round spreads the keys that are really there over 65536
 * buckets, counts them, and keeps only the buckets with a wanted rank. Values that lie close together take one round,
 * any others at most two for each half of their 64 bits.
 */

/** Up to this many values a sort costs less than clearing and walking the tables. */
const SORTED = 4096
const BUCKET_BITS = 16
const BUCKETS = 1 << BUCKET_BITS
/** The halves of a double where memory is little-endian, as on all our platforms. */
const HIGH = 1
const LOW = 0
/** Instead of a shift, where all keys are the same. */
const ALIKE = -1
/** Values a call of the hot loops: what is called often gets compiled better than one long loop. */
const BLOCK = 8192

/** How many values each bucket holds. These tables are shared: the code is synchronous. */
const counts = new Uint32Array(BUCKETS)
/** Which group each bucket belongs to: 0 where no wanted rank lies in it, else 1 + the group's position. */
const groupOf = new Uint8Array(BUCKETS)
let spare = new Float64Array(0)

/** Values without NaN, n ≥ 1 of them, and bounds that none of them exceeds. */
export interface Sample {
  readonly values: Float64Array
  readonly least: number
  readonly most: number
}

/** A stretch of a buffer, and the rank among all values that its smallest one has. */
interface Part {
  readonly buffer: Float64Array
  readonly start: number
  readonly size: number
  readonly base: number
  /** Which of the ranks that it holds are wanted, ascending. */
  readonly ranks: readonly number[]
}

/**
 * How to read half a double as a signed 32-bit key in the order of the values: (w ^ (w >> 31 & sign)) ^ flip.
 * High half: below zero the other 31 bits run backwards. Low half, one sign throughout: they run
 * from 0 to 2³² − 1, or the other way.
 */
interface Keys {
  readonly words: Int32Array
  readonly half: typeof HIGH | typeof LOW
  readonly sign: number
  readonly flip: number
  /** Smallest key, and the bits to drop of a key's distance to it for the number of its bucket. */
  lowest: number
  shift: number
}

/**
 * Quantiles `qs` (each 0…1) of a sample, interpolated linearly between the neighbours of position (n − 1)·q.
 * Overwrites the values. SOURCE: Hyndman and Fan 1996, definition 7, which is the default of numpy.quantile; its
 * rounding is followed too.
 */
export function quantiles(sample: Sample, qs: readonly number[]): number[] {
  const last = sample.values.length - 1
  const positions = qs.map(q => last * q)
  const found = orderStatistics(
    sample,
    positions.flatMap(position => [Math.floor(position), Math.min(Math.floor(position) + 1, last)]),
  )
  return positions.map((position, i) =>
    lerp(found[2 * i]!, found[2 * i + 1]!, position - Math.floor(position)),
  )
}

/** Median of a sample: the mean of the middle two where n is even. Overwrites the values. */
export function median(sample: Sample): number {
  const n = sample.values.length
  const [below, above] = orderStatistics(sample, [(n - 1) >> 1, n >> 1]) as [number, number]
  return below === above ? below : (below + above) / 2
}

/** From a (t = 0) to b (t = 1), starting at the nearer end, as numpy does. b may be infinite, where numpy has NaN. */
function lerp(a: number, b: number, t: number): number {
  if (a === b || t === 0) return a
  if (b === Infinity) return b
  return t < 0.5 ? a + (b - a) * t : b - (b - a) * (1 - t)
}

/** The values that sorting would put at `ranks`, one for each. */
function orderStatistics({ values, least, most }: Sample, ranks: readonly number[]): number[] {
  const found = new Map<number, number>()
  const wanted = [...new Set(ranks)].sort((a, b) => a - b)
  const part = { buffer: values, start: 0, size: values.length, base: 0, ranks: wanted }
  // with the bounds known, the first round, which is most of the work, need not look for them
  const keys = keysOf(part, HIGH)
  // −0 and 0 are equal but have two keys: the lower bound takes the lower, the upper one the other
  const bounds = new Int32Array(Float64Array.of(least === 0 ? -0 : least, most + 0).buffer)
  spread(keys, keyOf(bounds[HIGH]!), keyOf(bounds[2 + HIGH]!))
  select(part, keys, null, found)
  return ranks.map(rank => found.get(rank)!)
}

/**
 * Puts the values at the part's wanted ranks into `found`. With keys of the LOW half, all its values share
 * their high one. `free` is a buffer of that length which may be overwritten; null asks for the spare one.
 */
function select(part: Part, keys: Keys, free: Float64Array | null, found: Map<number, number>): void {
  const { buffer, start, size, base, ranks } = part
  if (size <= SORTED) {
    const sorted = buffer.subarray(start, start + size).sort()
    // + 0 turns −0 into 0
    for (const rank of ranks) found.set(rank, sorted[rank - base]! + 0)
    return
  }

  const end = start + size
  if (keys.shift === ALIKE) {
    if (keys.half === HIGH) select(part, rangeOf(part, LOW), free, found)
    // all 64 bits agree
    else for (const rank of ranks) found.set(rank, buffer[start]! + 0)
    return
  }
  counts.fill(0)
  for (let at = start; at < end; at += BLOCK) count(keys, at, Math.min(at + BLOCK, end))
  const groups = splitByBucket(part)

  // the next round gathers back into this buffer: what it holds here is of no use by then
  const target = free ?? spareOf(size)
  const next = Uint32Array.from(groups, group => group.start)
  for (let at = start; at < end; at += BLOCK)
    gather(keys, buffer, at, Math.min(at + BLOCK, end), target, next)
  for (const group of groups) {
    const rest = { ...group, buffer: target }
    select(rest, rangeOf(rest, keys.half), buffer, found)
  }
}

function keysOf({ buffer, start }: Part, half: Keys['half']): Keys {
  const words = new Int32Array(buffer.buffer, buffer.byteOffset, buffer.length * 2)
  const negative = words[2 * start + HIGH]! < 0
  const sign = half === HIGH ? 0x7fffffff : 0
  const flip = half === HIGH ? 0 : negative ? 0x7fffffff : -0x80000000
  return { words, half, sign, flip, lowest: 0x7fffffff, shift: ALIKE }
}

/** Keys spread over the range that the part's values really take. */
function rangeOf(part: Part, half: Keys['half']): Keys {
  const keys = keysOf(part, half)
  const end = part.start + part.size
  let highest = -0x80000000
  for (let at = part.start; at < end; at += BLOCK)
    highest = Math.max(highest, widen(keys, at, Math.min(at + BLOCK, end)))
  spread(keys, keys.lowest, highest)
  return keys
}

/** Chooses the shift so that keys from `lowest` to `highest` fit in the buckets. */
function spread(keys: Keys, lowest: number, highest: number): void {
  // clz32 takes their distance as an unsigned number, which 2³² bounds
  const bits = 32 - Math.clz32(highest - lowest)
  keys.lowest = lowest
  keys.shift = bits === 0 ? ALIKE : Math.max(0, bits - BUCKET_BITS)
}

/** The key of a high half; the hot loops spell it out for either half. */
function keyOf(word: number): number {
  return word ^ ((word >> 31) & 0x7fffffff)
}

/** Lowers `keys.lowest` to the smallest key of the values [start, end); returns the largest. */
function widen(keys: Keys, start: number, end: number): number {
  const { words, half, sign, flip } = keys
  let { lowest } = keys
  let highest = -0x80000000
  for (let at = 2 * start + half; at < 2 * end; at += 2) {
    const word = words[at]!
    const key = word ^ ((word >> 31) & sign) ^ flip
    if (key < lowest) lowest = key
    if (key > highest) highest = key
  }
  keys.lowest = lowest
  return highest
}

/** Counts the values [start, end) by bucket. */
function count({ words, half, sign, flip, lowest, shift }: Keys, start: number, end: number): void {
  for (let at = 2 * start + half; at < 2 * end; at += 2) {
    const word = words[at]!
    counts[((word ^ ((word >> 31) & sign) ^ flip) - lowest) >>> shift]!++
  }
}

/** Puts each of the values [start, end) that belongs to a group at the group's next place. */
function gather(
  { words, half, sign, flip, lowest, shift }: Keys,
  values: Float64Array,
  start: number,
  end: number,
  target: Float64Array,
  next: Uint32Array,
): void {
  for (let i = start; i < end; i++) {
    const word = words[2 * i + half]!
    const group = groupOf[((word ^ ((word >> 31) & sign) ^ flip) - lowest) >>> shift]!
    if (group > 0) target[next[group - 1]!++] = values[i]!
  }
}

/**
 * Walks the counted buckets in order and returns those that hold a wanted rank, laid out one after another
 * from the part's start.
 */
function splitByBucket({ start, base, ranks }: Part): Omit<Part, 'buffer'>[] {
  const groups: Omit<Part, 'buffer'>[] = []
  let below = base
  let next = start
  let taken = 0
  groupOf.fill(0)
  for (let bucket = 0; bucket < BUCKETS && taken < ranks.length; bucket++) {
    const size = counts[bucket]!
    const from = taken
    while (taken < ranks.length && ranks[taken]! < below + size) taken++
    if (taken > from) {
      groups.push({ start: next, size, base: below, ranks: ranks.slice(from, taken) })
      groupOf[bucket] = groups.length
      next += size
    }
    below += size
  }
  return groups
}

function spareOf(length: number): Float64Array {
  if (spare.length < length) spare = new Float64Array(length)
  return spare
}
