import { describe, expect, test } from 'vitest'
import { encodeFrame, FrameError, FrameReader } from '../../../src/engines/worker/frames.ts'

const values = new Float32Array([1, -0.5, Number.NaN])
const data = new Uint8Array(values.buffer)
const frame = Buffer.concat(
  encodeFrame({ id: 7, type: 'result' }, [{ name: 'depth', type: 'FLOAT', shape: [1, 3], data }]),
)

describe('frames', () => {
  test.each([1, 3, 8, 9, frame.length, 2 * frame.length])('come whole out of pieces of %d bytes', size => {
    const reader = new FrameReader()
    const stream = Buffer.concat([frame, frame])
    const read = []
    for (let at = 0; at < stream.length; at += size) read.push(...reader.push(stream.subarray(at, at + size)))
    expect(read).toHaveLength(2)
    expect(read[1]).toMatchObject({
      header: { id: 7, type: 'result' },
      arrays: [{ name: 'depth', shape: [1, 3] }],
    })
    const { buffer } = read[1]!.arrays[0]!.data
    expect([...new Float32Array(buffer as ArrayBuffer)]).toEqual([...values])
    expect(reader.inFrame).toBe(false)
  })

  test('one that has begun is known to be open', () => {
    const reader = new FrameReader()
    expect(reader.push(frame.subarray(0, frame.length - 1))).toEqual([])
    expect(reader.inFrame).toBe(true)
  })

  test.each<[string, Buffer, RegExp]>([
    ['words', Buffer.from('Loading TensorRT…\n'), /holds "Loading TensorRT…\\n", which is no frame/],
    ['one wrong byte', Buffer.from('X'), /holds "X", which is no frame/],
    [
      'a header without end',
      Buffer.concat([Buffer.from('DGF1'), Buffer.from([0, 0, 0, 0x7f])]),
      /header of \d+ bytes/,
    ],
    [
      'a header that is no JSON',
      Buffer.concat([Buffer.from('DGF1'), Buffer.from([2, 0, 0, 0]), Buffer.from('{]')]),
      /is not JSON/,
    ],
    [
      'arrays of terabytes',
      Buffer.concat(
        encodeFrame({ id: 1 }, [
          { name: 'x', type: 'FLOAT', shape: [1], data: { length: 1e13 } as Uint8Array },
        ]).slice(0, 1),
      ),
      /announces arrays of 10000000000000 bytes/,
    ],
  ])('%s is refused', (_name, bytes, message) => {
    expect(() => new FrameReader().push(bytes)).toThrow(FrameError)
    expect(() => new FrameReader().push(bytes)).toThrow(message)
  })
})
