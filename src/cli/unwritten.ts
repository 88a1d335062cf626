import type { Mending } from '../explain/mend.ts'
import { fromHere } from '../report/phrase.ts'

/** What was asked for and is not there, because a search found no plan. */
export interface Unwritten {
  what: string[]
  why: string
}

export interface Outputs {
  plan: string
  out?: string
  frontier?: string
  trtexec: boolean
  modelopt: boolean
}

/** Of a frontier a search draws what it has, also where nothing was confirmed. Pure. */
export function unwrittenOf(
  type: Exclude<Mending['type'], 'mended'>,
  { plan, out, frontier, trtexec, modelopt }: Outputs,
): Unwritten {
  return {
    what: [
      fromHere(plan),
      ...(out !== undefined ? [fromHere(out)] : []),
      ...(frontier !== undefined && type !== 'unconfirmed' ? [fromHere(frontier)] : []),
      ...(trtexec ? ['arguments of trtexec'] : []),
      ...(modelopt ? ['arguments of ModelOpt'] : []),
    ],
    why: why[type],
  }
}

const why = {
  hopeless: 'no set of nodes passes',
  passes: 'nothing is to be mended',
  unconfirmed: 'only FP32 as a whole passed',
} as const

/** @param old whether a plan of an earlier search lies there */
export function unwrittenText({ what, why: reason }: Unwritten, old: boolean): string[] {
  return [
    `not written: ${what.join(', ')}: ${reason}`,
    ...(old ? [`${what[0]} is of an earlier search, and stays as it is`] : []),
  ]
}
