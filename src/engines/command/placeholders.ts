import { DepthgateError } from '../../base/errors.ts'
import { lookedUp } from '../../base/program.ts'
import type { CommandSettings } from '../settings.ts'

const placeholder = /\{(input|output|onnx|precision)(?::([^{}]+))?\}/g

/** The program as it is started from `cwd`. */
export function programOf({ command: [program = ''], cwd = '.' }: CommandSettings): string {
  return lookedUp(program, cwd)
}

/** Whether a command reads the ONNX of the precision; one that does not brings its own network. */
export function usesOnnx({ command }: CommandSettings): boolean {
  return command.some(argument => argument.includes('{onnx}'))
}

/** The outputs that a command names; empty where it has one that is not named. */
export function namedOutputs({ command }: CommandSettings): string[] {
  const found = command.flatMap(argument => [...argument.matchAll(placeholder)])
  const outputs = found.filter(([, word]) => word === 'output').map(([, , name]) => name)
  const named = outputs.filter(name => name !== undefined)
  if (outputs.length === 0 || (named.length > 0 && named.length < outputs.length))
    throw new DepthgateError(
      'config',
      `command ${JSON.stringify(command)}: ${outputs.length === 0 ? 'does not say where its output goes' : 'has {output} beside {output:NAME}'}. Write {output} for its only output, or {output:NAME} for each`,
    )
  if (!found.some(([, word]) => word === 'input'))
    throw new DepthgateError(
      'config',
      `command ${JSON.stringify(command)}: never sees the scene. Write {input} where its file goes`,
    )
  return [...new Set(named)]
}

/** What is started: program and arguments, with files in the place of placeholders. */
export function fillIn(
  settings: CommandSettings,
  files: { input: string; onnx: string; precision: string; output(name: string | undefined): string },
): string[] {
  return [programOf(settings), ...settings.command.slice(1)].map(argument =>
    argument.replace(placeholder, (_all, word: string, name?: string) =>
      word === 'output' ? files.output(name) : files[word as 'input' | 'onnx' | 'precision'],
    ),
  )
}
