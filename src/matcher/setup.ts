/** Vitest set-up file: `setupFiles: ['depthgate/vitest']` registers the matchers and releases engines after each test file. */
import { afterAll, expect, inject } from 'vitest'
import { releaseEngines } from '../engines/pool.ts'
import './matchers.ts'
import { tellImproved } from './match-baseline.ts'
import { toMatchGolden } from './to-match-golden.ts'
import { toMeetBudget } from './to-meet-budget.ts'
import { wantMaps } from './wanted.ts'

wantMaps(inject('depthgateMaps') === true)
expect.extend({ toMatchGolden, toMeetBudget })
afterAll(releaseEngines)
afterAll(tellImproved)
