// The limits of a network that has none of its own: chosen from what FP16 loses, before anything is searched.

/**
 * Between the error of FP16 and that of FP16 with every product summed in FP32: the geometric mean. Where FP32 sums gain less
 * than a tenth, three quarters of FP16's, which they then do not keep.
 */
export function limitBetween(fp16, sums) {
  return sums <= 0.9 * fp16 ? Math.sqrt(fp16 * sums) : 0.75 * fp16
}

/** RMSE in the output's unit, and AbsRel; other limits are the defaults of fp16. */
export function limitsFrom(fp16, sums) {
  return Object.fromEntries(
    ['rmse', 'absRel'].map(metric => [metric, limitBetween(fp16[metric], sums[metric])]),
  )
}
