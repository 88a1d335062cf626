/** A figure for people: four digits, five from 1000 on, an exponent beyond; never "0" for what is not 0. */
export function figure(value: number): string {
  return inDigits(value, 4)
}

function inDigits(value: number, digits: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '−∞'
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (size >= 1e-3 && size < 1e5) return String(Number(value.toPrecision(size >= 1000 ? digits + 1 : digits)))
  return value.toExponential(digits - 2)
}

/** Two figures with as many digits as tell them apart: "0.1 beyond 0.1" would read as a fault of the tool. */
export function apart(a: number, b: number): [string, string] {
  const digits = fewest(digits => inDigits(a, digits) !== inDigits(b, digits))
  return [inDigits(a, digits), inDigits(b, digits)]
}

/** "2.4×", and never "1×" for what is not 1. */
export function times(share: number): string {
  return `${apart(share, 1)[0]}×`
}

/** A factor with as many digits as show that it is further from 1 than `distance`. */
export function farFromOne(factor: number, distance: number): string {
  // 1.001 − 1 is no 0.001
  const away = (text: string) => Number(Math.abs(Number(text) - 1).toPrecision(12))
  const digits = fewest(digits => away(inDigits(factor, digits)) > distance)
  return inDigits(factor, digits)
}

/** The fewest digits that are enough; four where none are. */
function fewest(enough: (digits: number) => boolean): number {
  for (let digits = 4; digits <= 16; digits++) if (enough(digits)) return digits
  return 4
}
