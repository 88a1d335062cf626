import { appendFileSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { Ledger } from '../../../src/explain/ledger.ts'
import { temporaryFolder } from '../../helpers/files.ts'

const trial = (used: number) => [{ scene: 'a', used: { 'depth absRel': used } }]

test('what was tried is there again, infinite figures too', () => {
  const file = join(temporaryFolder(), 'deep/ledger.jsonl')
  const ledger = new Ledger(file)
  ledger.set('one', trial(0.5))
  ledger.set('two', trial(Number.POSITIVE_INFINITY))
  const again = new Ledger(file)
  expect(again.size).toBe(2)
  expect(again.get('one')).toEqual(trial(0.5))
  expect(again.get('two')).toEqual(trial(Number.POSITIVE_INFINITY))
  expect(again.get('three')).toBeUndefined()
})

test('a line that a kill cut off is lost, and nothing else: neither before nor after it', () => {
  const file = join(temporaryFolder(), 'ledger.jsonl')
  const ledger = new Ledger(file)
  ledger.set('one', trial(1))
  ledger.set('two', trial(2))
  writeFileSync(file, readFileSync(file, 'utf8').slice(0, -12))
  const again = new Ledger(file)
  expect([again.get('one'), again.get('two')]).toEqual([trial(1), undefined])
  again.set('two', trial(2))
  expect(new Ledger(file).get('two')).toEqual(trial(2))
  appendFileSync(file, '\nnonsense')
  expect(new Ledger(file).size).toBe(2)
})

test('a file that cannot be written is named, with the way out', () => {
  const folder = temporaryFolder()
  const ledger = new Ledger(join(folder, 'taken/ledger.jsonl'))
  writeFileSync(join(folder, 'taken'), '')
  expect(() => ledger.set('one', trial(1))).toThrow(/ledger\.jsonl: cannot be written \(.*make room/)
})
