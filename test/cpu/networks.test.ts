import { join } from 'node:path'
import { describe, expect, test } from 'vitest'
import type { Fusion, Precision } from '../../src/engines/engine.ts'
import { findModel, loadConfig } from '../../src/gate/config.ts'
import type { ModelConfig } from '../../src/gate/define-config.ts'
import { runGate } from '../../src/gate/gate.ts'
import type { Tolerance } from '../../src/gate/tolerance.ts'
import type { Verdict } from '../../src/gate/verdict.ts'
import { temporaryFolder, writeConfig } from '../helpers/files.ts'
import { copyTrap, trapCase, traps } from '../helpers/models.ts'

interface Run extends Pick<ModelConfig, 'recipes'> {
  precision: Precision
  fusion?: Fusion
  pass: boolean
  cause?: string
}

interface Case extends Pick<ModelConfig, 'recipes'> {
  tolerance?: { [precision in Precision]?: Tolerance }
  runs: Run[]
}

const caseOf = (name: string): Case => trapCase(name)

/** The verdict on a network that is called `model` and lies in a folder of that name: nothing tells which trap it is. */
async function verdictOf(name: string, run: Run, model = 'network'): Promise<Verdict> {
  const folder = temporaryFolder()
  copyTrap(name, join(folder, model))
  const { tolerance, recipes = run.recipes } = caseOf(name)
  writeConfig(folder, {
    models: {
      [model]: {
        onnx: `${model}/net.onnx`,
        golden: `${model}/golden`,
        fusion: run.fusion ?? 'on',
        ...(recipes && { recipes }),
        ...(tolerance && { outputs: { depth: { tolerance } } }),
      },
    },
  })
  const config = loadConfig(join(folder, 'depthgate.config.json'))
  const found = findModel(config, model)
  const one = { model: found, precision: run.precision, scene: 'slopes', engine: 'cpu' }
  for await (const { record } of runGate(config, [one])) {
    if (record.type === 'judged') return record.verdict
    throw new Error(record.type === 'broken' ? record.error : record.reason)
  }
  throw new Error('nothing ran')
}

const title = ({ precision, fusion = 'on', recipes, pass, cause }: Run) =>
  `${precision}, fusion ${fusion}${recipes ? `, ${JSON.stringify(recipes)}` : ''}: ${pass ? 'passes' : cause}`

describe.each(traps)('%s', name => {
  test.each(caseOf(name).runs.map(run => [title(run), run] as const))('%s', async (_, run) => {
    const verdict = await verdictOf(name, run)
    expect(verdict.pass, verdict.reason).toBe(run.pass)
    expect(verdict.attribution?.cause).toBe(run.cause)
  })
})

test('every cause that there is has a network', () => {
  const causes = new Set(traps.flatMap(name => caseOf(name).runs.map(({ cause }) => cause)))
  expect([...causes].filter(cause => cause !== undefined).sort()).toEqual([
    'accumulation',
    'combination',
    'export',
    'fusion',
    'number format',
  ])
})

test('a network under the name of another trap is judged by its figures', async () => {
  const run = caseOf('layernorm-overflow').runs.find(({ pass }) => !pass)!
  expect((await verdictOf('layernorm-overflow', run, 'export-constant')).attribution?.cause).toBe(run.cause)
  const benign = caseOf('benign').runs[0]!
  expect(await verdictOf('benign', benign, 'layernorm-overflow')).toMatchObject({ pass: true })
})
