import { describe, expect, test } from 'vitest'
import { statistics } from '../../../src/engines/statistics.ts'
import type { GpuState, RawTiming } from '../../../src/engines/timing.ts'

const cool: GpuState = { smClock: 1980, memoryClock: 3201, temperature: 40, power: 300, throttled: [] }
const raw = (more: Partial<RawTiming> = {}): RawTiming => ({
  gpu: Array.from({ length: 101 }, (_, i) => 10 + i / 1000),
  held: true,
  host: [1, 2, 3],
  called: [12, 11, 13],
  queued: 8,
  before: cool,
  after: cool,
  ...more,
})

describe('a latency', () => {
  test('in figures, from a series whose quantiles are known', () => {
    expect(statistics(raw())).toMatchObject({
      ...{
        count: 101,
        min: 10,
        host: 2,
        called: 12,
        held: true,
        throughput: 125,
        unstable: [],
        hostBound: false,
      },
      median: expect.closeTo(10.05, 9),
      p90: expect.closeTo(10.09, 9),
      p95: expect.closeTo(10.095, 9),
      p99: expect.closeTo(10.099, 9),
      mean: expect.closeTo(10.05, 9),
      // of n equally spaced values the standard deviation is step · √((n² − 1) / 12)
      variation: expect.closeTo((0.001 * Math.sqrt((101 ** 2 - 1) / 12)) / 10.05, 9),
    })
  })

  test.each<[string, Partial<RawTiming>, RegExp]>([
    ['variation above 2.5 %', { gpu: [10, 10, 10, 11] }, /^varies by 4\.2 %$/],
    ['clocks that move', { after: { ...cool, smClock: 1700 } }, /^the SM clock went from 1980 to 1700 MHz$/],
    ['a GPU that grows hot', { after: { ...cool, temperature: 60 } }, /^the GPU went from 40 to 60 °C$/],
    [
      'clocks that are held down',
      { after: { ...cool, throttled: ['power cap'] } },
      /^clocks were held down: power cap$/,
    ],
  ])('is flagged for %s', (_name, more, reason) => {
    expect(statistics(raw(more)).unstable).toEqual([expect.stringMatching(reason)])
  })

  test('what is not known flags nothing', () => {
    const unknown = { smClock: null, memoryClock: null, temperature: null, power: null, throttled: null }
    expect(statistics(raw({ before: unknown, after: unknown })).unstable).toEqual([])
  })

  test('the host is the bound where enqueueing takes as long as the GPU', () => {
    expect(statistics(raw({ host: [9, 9, 9] })).hostBound).toBe(true)
    expect(statistics(raw({ host: [] })).hostBound).toBe(false)
  })
})
