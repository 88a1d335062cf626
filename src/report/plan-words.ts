import colors from 'picocolors'
import { plural } from '../base/plural.ts'
import { figure } from '../gate/figure.ts'
import type { PlanRecord } from '../gate/plan-record.ts'
import type { CaseRecord } from '../gate/run-record.ts'
import { table } from './table.ts'
import { variantText } from './words.ts'

/** What is known of a plan, in pairs of name and words. */
export function planRows(plan: PlanRecord): [string, string][] {
  const { largest = [], types = {}, formats = {}, deviceBytes, activationBytes } = plan
  const rows: [string, string][] = [
    ['layers', layersText(plan)],
    ['plan', [sizeText(plan), buildText(plan)].filter(Boolean).join(', ')],
    ['device memory', deviceBytes === undefined ? '' : megabytes(deviceBytes)],
    ['scratch memory', megabytes(activationBytes)],
    ['kinds of layers', counted(types)],
    ['formats of outputs', counted(formats)],
    ...largest.map(({ layer, nodes }): [string, string] => [`fused from ${plural(nodes, 'node')}`, layer]),
  ]
  return rows.filter(([, text]) => text !== '')
}

/** A line for each variant that ran on a plan; empty where none did. */
export function planTable(cases: readonly CaseRecord[]): string[] {
  const plans = new Map<string, PlanRecord>()
  for (const record of cases)
    if (record.type === 'judged' && record.plan) {
      const name = `${record.model} ${variantText(record)}`
      plans.set(name, plans.get(name) ?? record.plan)
    }
  if (plans.size === 0) return []
  const rows = [...plans].map(([name, plan]) => [
    `  ${name}`,
    layersText(plan),
    sizeText(plan),
    plan.deviceBytes === undefined ? '' : `${megabytes(plan.deviceBytes)} on the GPU`,
    buildText(plan),
  ])
  return [colors.bold('TensorRT plans'), ...table(rows, ['left', 'left', 'right', 'right', 'left'])]
}

function layersText({ layers, fused }: PlanRecord): string {
  return `${plural(layers, 'layer')}${fused === undefined ? '' : `, ${fused} fused`}`
}

function sizeText({ bytes }: PlanRecord): string {
  return bytes === undefined ? '' : megabytes(bytes)
}

function buildText({ buildSeconds, fresh }: PlanRecord): string {
  if (buildSeconds === undefined) return 'brought ready'
  return `${fresh ? 'built' : 'from the cache, built once'} in ${figure(Number(buildSeconds.toPrecision(3)))} s`
}

/** "Row major linear FP16 120, Row major linear FP32 3", the most frequent first. */
function counted(counts: Readonly<Record<string, number>>): string {
  return Object.entries(counts)
    .sort(([, a], [, b]) => b - a)
    .map(([name, count]) => `${name} ${count}`)
    .join(', ')
}

function megabytes(bytes: number): string {
  return `${figure(Number((bytes / 1e6).toPrecision(3)))} MB`
}
