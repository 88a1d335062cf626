import type { Project } from './project.ts'
import {
  attributeLines,
  configText,
  ignoreLines,
  type ModelEntry,
  modelLine,
  setupLine,
  testText,
  vitestText,
  workflowText,
} from './templates.ts'

/** What becomes of one file. `todo` is what is left to the person. */
export type Step =
  | { type: 'write'; file: string; content: string | Uint8Array; todo?: string }
  | { type: 'append'; file: string; content: string; added: readonly string[]; todo?: string }
  | { type: 'leave'; file: string; reason: string; todo?: string }

/** A file that comes with the example. */
export interface ExampleFile {
  file: string
  content: Uint8Array
}

/** Decides what `init` does in a project. Nothing that exists is replaced: lines are added at the end, all else is left. */
export function planInit(
  project: Project,
  model: ModelEntry,
  example: readonly ExampleFile[] | undefined,
): Step[] {
  const workflow = '.github/workflows/depthgate.yml'
  return [
    configStep(project, model, example !== undefined),
    ...(example ?? []).map(({ file, content }) => fresh(project, file, content)),
    fresh(project, 'depth.test.ts', testText(testedModels(project, model, example !== undefined))),
    vitestStep(project),
    packageStep(project),
    linesStep(project, '.gitignore', [
      ...(project.read('.gitignore') === undefined ? ['node_modules/'] : []),
      ...ignoreLines,
    ]),
    linesStep(project, '.gitattributes', attributeLines),
    project.repository === undefined || project.repository === project.folder
      ? fresh(project, workflow, workflowText)
      : {
          type: 'leave',
          file: workflow,
          reason: 'not written: this is a folder inside a repository, and workflows are read at its root',
          todo: `in a workflow of ${project.repository}, run \`npx depthgate gate\` in this folder, with ONNXRUNTIME_NODE_INSTALL=skip`,
        },
  ]
}

/** The example's files that are there already, but not as the example has them: with these it would not be the example. */
export function otherFiles(project: Project, example: readonly ExampleFile[]): string[] {
  return example
    .filter(({ file, content }) => project.read(file)?.equals(content) === false)
    .map(({ file }) => file)
}

function fresh(project: Project, file: string, content: string | Uint8Array): Step {
  return project.read(file) === undefined
    ? { type: 'write', file, content }
    : { type: 'leave', file, reason: 'exists' }
}

function configStep({ config, above }: Project, model: ModelEntry, example: boolean): Step {
  if (!config)
    return {
      type: 'write',
      file: 'depthgate.config.ts',
      content: configText(model),
      ...(above !== undefined && {
        todo: `note: in this folder the new config takes the place of ${above}. For one config, remove it and add to \`models\` there what it holds`,
      }),
    }
  const missing = example && !config.models.includes(model.name)
  return {
    type: 'leave',
    file: config.file,
    reason: 'exists',
    ...(missing && { todo: `in ${config.file}, add to \`models\`: ${modelLine(model)}` }),
  }
}

/** A config that exists says which models there are to test. */
function testedModels({ config }: Project, model: ModelEntry, example: boolean): readonly string[] {
  return config && !example ? config.models : [model.name]
}

function vitestStep({ vitest, manifest }: Project): Step {
  // Vitest's own entry is an ES module: a config in a package of CommonJS must say that it is one, too
  if (!vitest)
    return {
      type: 'write',
      file: manifest?.module === false ? 'vitest.config.mts' : 'vitest.config.ts',
      content: vitestText,
    }
  return vitest.text.includes('depthgate/vitest')
    ? { type: 'leave', file: vitest.file, reason: 'has the set-up' }
    : {
        type: 'leave',
        file: vitest.file,
        reason: 'exists',
        todo: `in ${vitest.file}, add to \`test\`: ${setupLine},`,
      }
}

/** What `npm init` writes where a test script belongs. */
const placeholder = /^echo "Error: no test specified"/

function packageStep({ manifest }: Project): Step {
  const file = 'package.json'
  const missing = ['depthgate', 'vitest'].filter(name => !manifest?.installed.includes(name))
  const todo = missing.length > 0 && {
    todo: `npm install --save-dev ${missing.join(' ')}   # with ONNXRUNTIME_NODE_INSTALL=skip nothing is downloaded for GPUs`,
  }
  const { text, json } = manifest ?? { text: '\n', json: { private: true, type: 'module' } }
  const { test, gate } = manifest?.scripts ?? {}
  const scripts = {
    ...((test === undefined || placeholder.test(test)) && { test: 'vitest run' }),
    ...(gate === undefined && { gate: 'depthgate gate' }),
  }
  if (Object.keys(scripts).length === 0)
    return { type: 'leave', file, reason: 'has the scripts test and gate', ...todo }
  const content = inTheStyleOf(text, { ...json, scripts: { ...manifest?.scripts, ...scripts } })
  return manifest
    ? { type: 'append', file, content, added: Object.keys(scripts).map(name => `script ${name}`), ...todo }
    : { type: 'write', file, content, ...todo }
}

/** JSON with the indentation and the last newline of the text that it replaces. */
function inTheStyleOf(text: string, json: object): string {
  const indent = /^\{\r?\n([ \t]+)/.exec(text)?.[1] ?? '  '
  return JSON.stringify(json, null, indent) + (text.endsWith('\n') ? '\n' : '')
}

/** Adds lines that are missing; a pattern that has a line of its own, whatever it says, is left as it is. */
function linesStep({ read }: Project, file: string, lines: readonly string[]): Step {
  const text = read(file)?.toString()
  const pattern = (line: string) =>
    line.startsWith('#') ? line : line.split(/\s/)[0]!.replace(/^\/|\/$/g, '')
  const there = new Set((text ?? '').split(/\r?\n/).map(pattern))
  const wanted = lines.filter(line => !line.startsWith('#') && !there.has(pattern(line)))
  if (wanted.length === 0) return { type: 'leave', file, reason: 'has the lines' }
  // comments go with the patterns that they speak of
  const added = lines.filter(line => wanted.includes(line) || (line.startsWith('#') && !there.has(line)))
  if (text === undefined) return { type: 'write', file, content: `${added.join('\n')}\n` }
  const content = `${text}${text === '' || text.endsWith('\n') ? '' : '\n'}${added.join('\n')}\n`
  return { type: 'append', file, content, added }
}
