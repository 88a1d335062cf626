import { plural } from '../base/plural.ts'
import { type Resemblance, resemblance } from '../metrics/index.ts'
import { pairOf } from './distance.ts'
import { figure } from './figure.ts'
import type { Comparison } from './judge.ts'

/** What a map is of its golden, where a mistake that can be recognised explains nearly all that is between them. */
export function resemblanceOf({ golden, actual, range, mask }: Comparison): Resemblance | undefined {
  const pair = pairOf(golden, actual, range)
  return pair && resemblance({ ...pair, ...(mask && { mask }) })
}

/** "the golden mirrored left to right: turned back, absRel is 0.00021 instead of 0.43. Look for a flip or a transposition" */
export function resemblanceText({ absRel, before, ...mistake }: Resemblance): string {
  const undone = `absRel is ${figure(absRel)} instead of ${figure(before)}`
  switch (mistake.type) {
    case 'turned':
      return `the golden ${mistake.how}: turned back, ${undone}. Look for a flip or a transposition`
    case 'scaled':
      return `the golden times ${figure(mistake.factor)}: divided by that, ${undone}. Look for a unit, a focal length or a factor that only one of them has`
    case 'reciprocal':
      return `${figure(mistake.factor)} divided by the golden: inverted, ${undone}. One of them is depth and the other inverse depth`
    case 'linear': {
      const { factor, offset } = mistake
      const swapped = factor < 0 ? ', near and far swapped' : ''
      return `the golden times ${figure(factor)} ${offset < 0 ? 'less' : 'plus'} ${figure(Math.abs(offset))}${swapped}: undone, ${undone}. Look for a normalisation of the output that only one of them has`
    }
    case 'moved': {
      const { right, down } = mistake
      const way = (pixels: number, to: string, fro: string) =>
        pixels === 0 ? [] : [`${plural(Math.abs(pixels), 'pixel')} ${pixels > 0 ? to : fro}`]
      const by = [...way(right, 'to the right', 'to the left'), ...way(down, 'down', 'up')].join(' and ')
      return `the golden moved by ${by}: moved back, ${undone}. Look at padding, and at how patches and Resize are aligned`
    }
  }
}
