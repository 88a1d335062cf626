import colors from 'picocolors'
import { apart, figure } from '../gate/figure.ts'
import type { QualitySummary } from '../gate/run-record.ts'
import { fail, pass } from './phrase.ts'
import { table } from './table.ts'

/** Task quality as a small table: PyTorch and the engine against ground truth, and how much is kept. */
export function qualityTable(summaries: readonly QualitySummary[]): string[] {
  if (summaries.length === 0) return []
  const head = ['', 'task quality, against ground truth', '', 'delta1', '', 'absRel', '', ''].map(colors.dim)
  const under = ['', '', 'scenes', 'PyTorch', 'engine', 'PyTorch', 'engine', 'keeps'].map(colors.dim)
  const rows = summaries.map(summary => {
    const { model, precision, engine, output, scenes, goldenMean, engineMean, limit } = summary
    return [
      limit === undefined ? ' ' : summary.pass ? pass() : fail(),
      `${model} ${output} ${precision} ${engine}`,
      String(scenes),
      ...[goldenMean.delta1, engineMean.delta1, goldenMean.absRel, engineMean.absRel].map(figure),
      keptText(summary),
    ]
  })
  return table([head, under, ...rows], ['left', 'left', 'right', 'right', 'right', 'right', 'right', 'left'])
}

/** "≥ 99.9 %", or what is left where a tier is missed; and the share that the config asks for. */
function keptText({ tier, kept, limit }: QualitySummary): string {
  const least = 100 * Math.min(kept.delta1, kept.absRel)
  const [reached, asked] = limit === undefined ? [figure(least)] : apart(least, 100 * limit)
  const keeps = tier > 0 ? `≥ ${tier * 100} %` : `${reached} %`
  return asked === undefined ? keeps : `${keeps}, must keep ${asked} %`
}

/** "keeps 0.9813 of PyTorch's quality, asked 0.99" */
export function lackText({ kept, limit = 1 }: Pick<QualitySummary, 'kept' | 'limit'>): string {
  const [least, asked] = apart(Math.min(kept.delta1, kept.absRel), limit)
  return `keeps ${least} of PyTorch's quality, asked ${asked}`
}
