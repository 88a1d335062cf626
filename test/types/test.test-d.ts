/** `npm run types` runs these: a line that should be an error and is none is an error itself. */
import {
  type DepthMap,
  depthMap,
  type Fingerprint,
  type Inference,
  infer,
  judge,
  type MatchOptions,
  type OutputVerdict,
  type Precision,
  scenes,
  type Timed,
  type Timing,
  time,
  type Verdict,
} from 'depthgate'
import DepthgateReporter from 'depthgate/reporter'
import { assertType, expect, expectTypeOf } from 'vitest'
import type { Reporter } from 'vitest/node'

expectTypeOf(scenes).toEqualTypeOf<(model: string) => string[]>()

// infer
expectTypeOf(infer).returns.toEqualTypeOf<Promise<Inference>>()
assertType(
  infer('midas', { scene: 'kitchen', precision: 'bf16', fusion: 'off', engine: 'trt', attribute: true }),
)
// @ts-expect-error no scene
infer('midas', { precision: 'fp16' })
// @ts-expect-error no options
infer('midas')
// @ts-expect-error a mistyped option
infer('midas', { scene: 'kitchen', precison: 'fp16' })
// @ts-expect-error a mistyped precision
infer('midas', { scene: 'kitchen', precision: 'fp61' })
// @ts-expect-error fusion is on or off
infer('midas', { scene: 'kitchen', fusion: true })

declare const inference: Inference
expectTypeOf(inference.depth).toEqualTypeOf<DepthMap>()
expectTypeOf(inference.precision).toEqualTypeOf<Precision>()
expectTypeOf(inference.fingerprint).toEqualTypeOf<Fingerprint>()
// @ts-expect-error nothing of it is changed
inference.precision = 'fp16'

// toMatchGolden: options alone for what infer() returned, the golden's name for a plain array
expectTypeOf(expect(inference).toMatchGolden()).toBeVoid()
expect(inference).toMatchGolden({ tolerance: { rmse: '2%', delta1: false }, mask: new Uint8Array(1) })
expect(new Float32Array(1)).toMatchGolden('midas/kitchen')
expect(new Float32Array(1)).toMatchGolden('midas/kitchen', { output: 'depth', precision: 'fp16' })
expect.soft(inference).toMatchGolden()
expectTypeOf<MatchOptions['precision']>().toEqualTypeOf<Precision | undefined>()
// @ts-expect-error what infer() returned knows its precision
expect(inference).toMatchGolden({ precision: 'fp16' })
// @ts-expect-error a mistyped metric
expect(inference).toMatchGolden({ tolerance: { absrel: 1 } })
// @ts-expect-error a mistyped option
expect(inference).toMatchGolden('midas/kitchen', { tolerence: {} })
// @ts-expect-error a mask of bytes
expect(inference).toMatchGolden({ mask: [1, 0] })
// @ts-expect-error a name first
expect(inference).toMatchGolden({ tolerance: {} }, 'midas/kitchen')

// time and its budget
expectTypeOf(time).returns.toEqualTypeOf<Promise<Timed>>()
assertType(time('midas'))
assertType(time('midas', { precision: 'fp16', engine: 'trt', seconds: 2, pytorch: 'midas.py:make' }))
// @ts-expect-error a mistyped option
time('midas', { second: 2 })
// @ts-expect-error copies that there are not
time('midas', { transfers: 'all' })

declare const timed: Timed
expectTypeOf(timed.plain).toEqualTypeOf<Timing>()
expectTypeOf(expect(timed).toMeetBudget()).toBeVoid()
expect(timed).toMeetBudget({ median: '40 ms', p95: 45, speedup: 10, deviceMemory: '2 GiB' })
expect(timed).toMeetBudget({ deviceMemory: false })
// @ts-expect-error a mistyped limit
expect(timed).toMeetBudget({ medain: 40 })
// @ts-expect-error a size without its unit
expect(timed).toMeetBudget({ deviceMemory: 2 })

// judge and what it finds
expectTypeOf(judge).returns.toEqualTypeOf<OutputVerdict>()
expectTypeOf<Verdict['outputs']>().toExtend<readonly OutputVerdict[]>()
expectTypeOf<OutputVerdict['pass']>().toBeBoolean()
expectTypeOf(depthMap).returns.toEqualTypeOf<DepthMap>()

// the reporter
expectTypeOf(DepthgateReporter).toBeConstructibleWith({ report: ['html', 'junit=out.xml'] })
expectTypeOf(new DepthgateReporter()).toExtend<Reporter>()
// @ts-expect-error a mistyped option
new DepthgateReporter({ reports: ['html'] })
