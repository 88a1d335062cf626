/** A figure for people: four digits, five from 1000 on, an exponent beyond; never "0" for what is not 0. */
export function figure(value: number): string {
  if (!Number.isFinite(value)) return Number.isNaN(value) ? 'NaN' : value > 0 ? '∞' : '−∞'
  if (value === 0) return '0'
  const size = Math.abs(value)
  if (size >= 1e-3 && size < 1e5) return String(Number(value.toPrecision(size >= 1000 ? 5 : 4)))
  return value.toExponential(2)
}
