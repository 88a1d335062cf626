import { execFileSync } from 'node:child_process'
import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { repo, temporaryFolder } from '../helpers/files.ts'

/** A GPU of one stream: a thread that does what was put on a queue, which takes `depth` things. */
const gpu = `
import json, queue, sys, threading, time
sys.path.insert(0, ${JSON.stringify(join(repo, 'src/engines/worker'))})
from depthgate_worker import gate, timing

class Device:
    def __init__(self, depth):
        self.memory, self.queue = bytearray(64), queue.Queue(depth)
        threading.Thread(target=self.work, daemon=True).start()
    def work(self):
        while True:
            self.queue.get()()
            self.queue.task_done()
    def put(self, do): self.queue.put(do)
    def pinned(self, size):
        import ctypes
        self.word = ctypes.c_uint32(0)
        return ctypes.addressof(self.word), None
    def pointer_of(self, address): return address
    def free_pinned(self, address): pass
    def wait_for(self, stream, pointer, value):
        def wait():
            while self.word.value < value: time.sleep(0.0005)
        self.put(wait)
    def event(self): return [0.0]
    def record(self, event, stream): self.put(lambda: event.__setitem__(0, time.perf_counter()))
    def elapsed(self, start, end): return (end[0] - start[0]) * 1000
    def destroy_event(self, event): pass
    def synchronize(self, stream): self.queue.join()

class Nvml:
    def state(self): return {}

def measured(depth, launches, host, held=True):
    device = Device(depth)
    def work():
        for _ in range(launches):
            time.sleep(host / launches)
            device.put(lambda: time.sleep(0.002 / launches))
    made = gate.gate_for(device, None) if held else None
    result = timing.measure(device, None, Nvml(), work, {"warmup": 0, "seconds": 0}, made)
    return {"held": result["held"], "count": len(result["gpu"]), **{key: sorted(result[key])[len(result[key]) // 2] for key in ("gpu", "host", "called")}}

def broken():
    """An enqueue that fails while the stream is held; whether freeing lets it go, and ends the watch before the word is freed."""
    device = Device(100)
    freed = []
    device.free_pinned = lambda address: freed.append(made.watch.is_alive())
    made = gate.gate_for(device, None)
    # a watch that is slow to hear of its end
    made.ended.wait = lambda seconds: time.sleep(0.5) or made.ended.is_set()
    time.sleep(0.1)
    def work():
        if made.closed is not None: raise ValueError("refused")
    told = None
    try:
        timing.measure(device, None, Nvml(), work, {"warmup": 0, "seconds": 0}, made)
    except ValueError as fault:
        told = str(fault)
    made.free()
    return {"told": told, "freed": freed, "left": device.queue.unfinished_tasks}
`

function run(call: string) {
  const file = join(temporaryFolder(), 'measure.py')
  writeFileSync(file, `${gpu}\nprint(json.dumps(${call}), file=sys.stderr)\n`)
  const said = execFileSync('bash', ['-c', `python3 -B ${file} 2>&1`], { encoding: 'utf8', timeout: 30_000 })
  return JSON.parse(said) as Readonly<Record<'count' | 'gpu' | 'host' | 'called', number>> & { held: boolean }
}

describe('between the two events of an inference', () => {
  test('is the GPU alone, however long the host takes', () => {
    const { held, count, gpu, host, called } = run('measured(100, 2, 0.06)')
    expect(held).toBe(true)
    expect(count).toBe(10)
    expect(host).toBeGreaterThan(55)
    expect(called).toBeGreaterThan(55)
    expect(gpu).toBeLessThan(30)
  })

  test('is the host too where nothing holds the stream', () => {
    const { held, gpu } = run('measured(100, 2, 0.06, held=False)')
    expect(held).toBe(false)
    expect(gpu).toBeGreaterThan(25)
  })

  test('a queue that is shorter than the launches hangs nothing, and is told', () => {
    const { held, count, gpu } = run('measured(8, 30, 0.06)')
    expect(held).toBe(false)
    expect(count).toBe(10)
    expect(gpu).toBeGreaterThan(25)
  })

  test('an enqueue that fails while the stream is held leaves nothing waiting', () => {
    expect(run('broken()')).toEqual({ told: 'refused', freed: [false], left: 0 })
  })
})
