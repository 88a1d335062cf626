import { readdirSync, readFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { DepthgateError } from '../base/errors.ts'
import { writeWhole } from '../base/files.ts'
import { honestJson } from '../base/json.ts'
import { checkName, toName } from '../base/names.ts'
import { pass } from '../report/phrase.ts'
import { table } from '../report/table.ts'
import { type Command, noPositionals, parse } from './command.ts'
import { type ExampleFile, otherFiles, planInit, type Step } from './init/plan.ts'
import { lookAt } from './init/project.ts'

/** Puts into a folder what a project needs, and replaces nothing. */
export const init: Command = {
  summary: 'write config, test, CI workflow and git lines into this folder',
  help: `depthgate init [options]

Writes depthgate.config.ts, depth.test.ts, a Vitest config, scripts of package.json, lines of .gitignore and .gitattributes
and a workflow for GitHub. What exists is left as it is, and what is left to you is told; a second run adds what is missing.

  --onnx FILE   the model to begin with (models/midas.onnx); its name is that of the file
  --example     a network of 3 kB with two scenes that pass, to see it work
  --dry-run     list what would be done, and write nothing
  --json        print what was done as JSON

Exit code: 0 done, 2 it could not be done; called again, it goes on with what is missing.

  depthgate init --example && npm test
  depthgate init --onnx models/depth-anything.onnx
`,
  async run(args) {
    const { values, positionals } = parse('init', args, {
      onnx: { type: 'string' },
      example: { type: 'boolean', default: false },
      'dry-run': { type: 'boolean', default: false },
      json: { type: 'boolean', default: false },
    })
    noPositionals('init', positionals, 'It works in the folder where it is called')
    if (values.example && values.onnx !== undefined)
      throw new DepthgateError(
        'usage',
        'depthgate init takes --example or --onnx: the example has a model of its own',
      )
    const onnx = values.example
      ? 'models/tiny.onnx'
      : (values.onnx ?? 'models/midas.onnx').replaceAll('\\', '/')
    const name = checkName('model', toName(basename(onnx, '.onnx')))
    const project = lookAt(process.cwd())
    const example = values.example ? exampleFiles() : undefined
    const others = otherFiles(project, example ?? [])
    if (others.length > 0)
      throw new DepthgateError(
        'init',
        `${others.map(file => join(project.folder, file)).join(', ')}: is there, and not the example's. Nothing was written. Use another folder for the example`,
      )
    const steps = planInit(project, { name, onnx }, example)
    if (!values['dry-run'])
      for (const step of steps)
        if (step.type !== 'leave') writeWhole(join(project.folder, step.file), step.content)
    const next = [...steps.flatMap(({ todo }) => todo ?? []), ...nextOf(values.example, name)]
    if (values.json) console.log(honestJson({ steps: steps.map(({ type, file }) => ({ type, file })), next }))
    else console.log(tell(steps, next, values['dry-run']))
    return 0
  },
}

function nextOf(example: boolean, name: string): string[] {
  return example
    ? ['npm test', 'npx depthgate gate']
    : [
        `npx depthgate capture --model model.py:build --scenes 'scenes/*.png' --out golden/${name} --output depth=relative-inverse-depth   # goldens from your PyTorch network; see its --help`,
        'npm test',
      ]
}

/** The example lies in the package beside the code; scripts/build.mjs puts it there. */
function exampleFiles(): ExampleFile[] {
  const folder = fileURLToPath(new URL('../example', import.meta.url))
  return readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name))
    .sort()
    .map(path => ({
      file: path.slice(folder.length + 1).replaceAll('\\', '/'),
      content: readFileSync(path),
    }))
}

function tell(steps: readonly Step[], next: readonly string[], dryRun: boolean): string {
  const rows = steps.map(step => [
    step.type === 'leave' ? '–' : pass(),
    step.file.replace(/^(golden\/[^/]+\/).*/, '$1'),
    wordsOf(step, dryRun),
  ])
  // the many files of a golden are one line
  const seen = new Set<string>()
  return [
    ...table(
      rows.filter(row => !seen.has(row.join()) && seen.add(row.join())),
      ['left', 'left', 'left'],
    ),
    ...(dryRun ? ['', '--dry-run: nothing was written'] : []),
    '',
    'Next:',
    ...next.map(todo => `  ${todo}`),
  ].join('\n')
}

function wordsOf(step: Step, dryRun: boolean): string {
  switch (step.type) {
    case 'write':
      return dryRun ? 'would be written' : 'written'
    case 'append':
      return `${dryRun ? 'would be added' : 'added'}: ${step.added.filter(line => !line.startsWith('#')).join(', ')}`
    case 'leave':
      return step.reason
  }
}
