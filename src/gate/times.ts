import type { NdArray } from 'ndarray'
import { DepthgateError, messageOf } from '../base/errors.ts'
import type { FloatArray } from '../depth/depth-map.ts'
import type { Engine } from '../engines/engine.ts'
import { statistics, type Timing } from '../engines/statistics.ts'
import type { TimingRequest } from '../engines/timing.ts'

/** How long an inference takes, in the two ways to start it. */
export interface Times {
  /** Each inference enqueued by the host. */
  plain: Timing
  /** Replayed as one CUDA graph, or why it was not. */
  graph: Timing | { reason: string }
}

/** How to time, but for the CUDA graph: both ways are. */
export type TimesRequest = Omit<TimingRequest, 'graph'>

/** Times an engine that can be timed, first plain, then as a CUDA graph where it takes one. */
export async function timesOf(
  { fingerprint, time }: Timed,
  tensor: NdArray<FloatArray>,
  request: TimesRequest,
): Promise<Times> {
  const plain = statistics(await time(tensor, { ...request, graph: false }))
  if (fingerprint.engine === 'onnxruntime')
    return { plain, graph: { reason: 'ONNX Runtime in Node has no CUDA graphs' } }
  try {
    return { plain, graph: statistics(await time(tensor, { ...request, graph: true })) }
  } catch (thrown) {
    return { plain, graph: { reason: messageOf(thrown) } }
  }
}

/** What a user of this engine would run: the one that does not wait for the host, else the faster of plain and graph. */
export function bestTiming({ plain, graph }: Times): Timing {
  if (!('median' in graph)) return plain
  if (plain.hostBound !== graph.hostBound) return plain.hostBound ? graph : plain
  return graph.median < plain.median ? graph : plain
}

type Timed = Engine & Required<Pick<Engine, 'time'>>

/** Throws where an engine has no time of its own. `source`: the file that the error names. */
export function checkTimed(loaded: Engine, engine: string, source: string): asserts loaded is Timed {
  if (!loaded.time)
    throw new DepthgateError(
      'bench',
      `${source}: engine ${engine} starts anew for each scene, so it is not timed`,
    )
}
