import { setTimeout } from 'node:timers/promises'
import { expect, test } from 'vitest'
import { inLanes } from '../../../src/gate/lanes.ts'

/** Works through items named by their lane, and notes what runs beside what. */
async function work(items: readonly string[], jobs: number, signal?: AbortSignal) {
  const active = new Set<string>()
  const most = { all: 0, lane: 0 }
  const done: string[] = []
  const run = async (item: string) => {
    active.add(item)
    most.all = Math.max(most.all, active.size)
    most.lane = Math.max(most.lane, [...active].filter(other => other[0] === item[0]).length)
    await setTimeout(2)
    active.delete(item)
    return item
  }
  for await (const item of inLanes(items, item => item[0]!, jobs, run, signal)) done.push(item)
  return { done, most }
}

const items = ['c1', 'g1', 'c2', 'g2', 'c3']

test('one thing at a time, a lane after another', async () => {
  expect(await work(items, 1)).toEqual({ done: ['c1', 'c2', 'c3', 'g1', 'g2'], most: { all: 1, lane: 1 } })
})

test('lanes overlap, what is in one never does', async () => {
  const { done, most } = await work(items, 4)
  expect(done.toSorted()).toEqual(items.toSorted())
  expect(most).toEqual({ all: 2, lane: 1 })
})

test('an abort leaves behind what is under way', async () => {
  const controller = new AbortController()
  const done: string[] = []
  const never = new Promise<string>(() => {})
  const run = (item: string) => {
    if (item === 'c2') queueMicrotask(() => controller.abort())
    return item === 'c2' ? never : Promise.resolve(item)
  }
  for await (const item of inLanes(items, item => item[0]!, 1, run, controller.signal)) done.push(item)
  expect(done).toEqual(['c1'])
})

test('a fault is thrown, not swallowed', async () => {
  await expect(async () => {
    for await (const _ of inLanes(
      items,
      item => item,
      1,
      () => Promise.reject(new Error('no')),
    ));
  }).rejects.toThrow('no')
})
