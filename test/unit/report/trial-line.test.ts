import { afterEach, describe, expect, test, vi } from 'vitest'
import { progressText, tensorsText, trialLine, trialsText } from '../../../src/report/trial-line.ts'

test.each([
  [1e9, 20e9, 61, 'tensors: 1 of 20 GB, 19 minutes left'],
  [19.86e9, 20e9, 600, 'tensors: 20 of 20 GB, 5 seconds left'],
  [2e6, 2e6, 0.1, 'tensors: 0.002 of 0.002 GB, 0 seconds left'],
])('%s of %s bytes after %s seconds: %s', (done, all, seconds, text) => {
  expect(tensorsText({ done, all }, seconds)).toBe(text)
})

test('a trial tells how far the search is, and how long it may take', () => {
  const progress = { done: 9, limit: 24, what: 'what nodes cost', seconds: 31.04 }
  expect(progressText(progress)).toBe('what nodes cost, trial 9 of at most 24, 31 s each, 8 minutes left')
  // points of a frontier come on top
  expect(progressText({ ...progress, what: 'the frontier', done: 25 })).toBe('the frontier, 31 s each')
})

test('trials that were run are told from those that were known, with the guide where there was one', () => {
  expect(trialsText({ run: 1, remembered: 0 })).toBe('1 trial run, 0 known from before')
  expect(trialsText({ run: 0, remembered: 47 }, 'emulation')).toBe(
    '0 trials run on emulation, 47 known from before',
  )
})

describe('the line', () => {
  afterEach(() => void vi.unstubAllEnvs())

  function written(isTTY: boolean, ci?: string): string[] {
    vi.stubEnv('CI', ci)
    const pieces: string[] = []
    const stream = { isTTY, columns: 24, write: (piece: string) => pieces.push(piece) }
    const line = trialLine(stream as unknown as NodeJS.WriteStream)
    const worst = { used: 3.4, limit: 'depth absRel', scene: 'kitchen' }
    line.trial(worst, 7, { done: 9, limit: 160, what: 'what nodes cost', seconds: 31.04 })
    // a build has had the line meanwhile
    line.again()
    line.build(worst, 1)
    line.hide()
    line.again()
    return pieces
  }

  test('replaces itself, never wraps, and comes back after another until it is hidden', () => {
    const [trial, build] = ['what nodes cost, trial ', 'build 1: 340 % of depth']
    expect(written(true)).toEqual([trial, trial, build, '', ''].map(text => `\r\u001b[2K${text}`))
  })

  test.each([
    [false, undefined],
    [true, 'true'],
  ])('is left out elsewhere, also in a CI that pretends; terminal: %s, CI: %s', (isTTY, ci) => {
    expect(written(isTTY, ci)).toEqual([])
  })
})
