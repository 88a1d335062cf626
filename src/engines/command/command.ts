import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { basename, isAbsolute, join, relative, sep } from 'node:path'
import ndarray, { type NdArray } from 'ndarray'
import { DepthgateError } from '../../base/errors.ts'
import { sha256, sha256File } from '../../base/files.ts'
import { makeTemporary, removeTemporary } from '../../base/temporary.ts'
import { type FloatArray, formatShape } from '../../depth/depth-map.ts'
import { halfToFloat } from '../../depth/half.ts'
import { encodeNpy, readNpy } from '../../depth/npy.ts'
import { hashOnnx } from '../../onnx/hash.ts'
import { cpuName } from '../cpu.ts'
import type { Engine, EngineRequest, EngineRun } from '../engine.ts'
import type { CommandSettings, RawFormat } from '../settings.ts'
import { fillIn, namedOutputs, programOf, usesOnnx } from './placeholders.ts'
import { type Ended, runProgram } from './run-program.ts'

/** A program as an engine. It is started for each scene; what it writes is read from files that go afterwards. */
export async function loadCommand(request: EngineRequest): Promise<Engine> {
  const settings = request.engine as CommandSettings
  const { seconds = 120, cwd = '.', raw = {} } = settings
  const named = namedOutputs(settings)
  return {
    fingerprint: {
      onnx: usesOnnx(settings)
        ? hashOnnx(request.onnx)
        : commandHash([programOf(settings), ...settings.command.slice(1)]),
      precision: request.precision,
      fusion: request.fusion,
      arithmetic: request.emulated ? 'emulated' : 'native',
      engine: 'command',
      engineVersion: settings.version ?? 'unknown',
      provider: 'command',
      device: cpuName(),
      options: { command: commandIdentity(settings, request.root) },
    },
    // what they are is known when they are read
    inputs: [],
    outputs: named.map(name => ({ name, type: 'float32', shape: [] })),
    notes: [],
    run,
    release: async () => {},
  }

  async function run(tensor: NdArray<FloatArray>, fetch: readonly string[]): Promise<EngineRun> {
    const outputs = outputFiles(settings, named, fetch)
    const folder = makeTemporary('command')
    try {
      const input = join(folder, settings.input === 'raw' ? 'input.bin' : 'input.npy')
      writeFileSync(input, settings.input === 'raw' ? bytesOf(tensor) : encodeNpy(tensor))
      const pathOf = (name: string) =>
        join(folder, `output-${outputs.indexOf(name)}.${Object.hasOwn(raw, name) ? 'bin' : 'npy'}`)
      const command = fillIn(settings, {
        ...{ input, onnx: request.onnx, precision: request.precision },
        output: name => pathOf(name ?? outputs[0]!),
      })
      const start = performance.now()
      const ended = await runProgram(command, cwd, seconds)
      const milliseconds = performance.now() - start
      const fault = programFault(settings.command, seconds, ended)
      if (fault) throw new DepthgateError(ended.type === 'start' ? 'engine-missing' : 'command', fault)
      return {
        outputs: Object.fromEntries(
          fetch.map(name => [name, readOutput(settings.command[0]!, name, pathOf(name), raw[name])]),
        ),
        milliseconds,
      }
    } finally {
      removeTemporary(folder)
    }
  }
}

/** The outputs that get a file, in order: those that the command names, or the only one that is wanted. */
function outputFiles(
  { command }: CommandSettings,
  named: readonly string[],
  fetch: readonly string[],
): readonly string[] {
  const lacks = named.length > 0 ? fetch.filter(name => !named.includes(name)) : fetch.slice(1)
  if (lacks.length > 0)
    throw new DepthgateError(
      'command',
      `command ${JSON.stringify(command)}: gives no ${lacks.join(', ')}. Write {output:NAME} for each of ${fetch.join(', ')}`,
    )
  return named.length > 0 ? named : fetch
}

/** Why a program did not do its work, or undefined. Pure. */
export function programFault(command: readonly string[], seconds: number, ended: Ended): string | undefined {
  const told = `command ${JSON.stringify(command)}`
  const words = 'words' in ended && ended.words !== '' ? `; its last words:\n${ended.words}` : ''
  switch (ended.type) {
    case 'start':
      return `${told}: cannot be started (${ended.reason}). Correct \`command\` in the config`
    case 'time':
      return `${told}: took longer than ${seconds} s. Raise \`seconds\` of the engine`
    case 'signal':
      return `${told}: was ended by ${ended.signal}${words}`
    case 'ended':
      return ended.code === 0 ? undefined : `${told}: ended with exit code ${ended.code}${words}`
  }
}

function readOutput(
  program: string,
  name: string,
  path: string,
  format: RawFormat | undefined,
): NdArray<FloatArray> {
  if (!existsSync(path))
    throw new DepthgateError(
      'command',
      `${program}: ended well but wrote no file for the output ${name}. Let it write to the path in the place of {output${name ? `:${name}` : ''}}`,
    )
  return format ? readRaw(program, name, path, format) : readNpy(path)
}

const elementBytes = { float16: 2, float32: 4, float64: 8 } as const

function readRaw(
  program: string,
  name: string,
  path: string,
  { type, shape }: RawFormat,
): NdArray<FloatArray> {
  const expected = shape.reduce((product, length) => product * length, elementBytes[type])
  const { size } = statSync(path)
  if (size !== expected)
    throw new DepthgateError(
      'command',
      `${program}: output ${name} has ${size} bytes, but ${type} ${formatShape(shape)} takes ${expected}. Correct \`raw\` of the engine`,
    )
  const { buffer } = Uint8Array.from(readFileSync(path))
  const values =
    type === 'float16'
      ? halfToFloat(new Uint16Array(buffer))
      : type === 'float32'
        ? new Float32Array(buffer)
        : new Float64Array(buffer)
  return ndarray<FloatArray>(values, shape)
}

function bytesOf({ data }: NdArray<FloatArray>): Uint8Array {
  const values = data instanceof Float32Array ? data : Float32Array.from(data)
  return new Uint8Array(values.buffer, values.byteOffset, values.byteLength)
}

/**
 * Tells commands of one project apart, alike on every machine: folders are told from the config's, and a program outside it,
 * such as an interpreter, by its name. A hash, since arguments may hold what does not belong into a repository. Pure.
 */
export function commandIdentity(settings: CommandSettings, root: string): string {
  const { command, cwd } = settings
  const [program = '', ...args] = [programOf(settings), ...command.slice(1)].map(word =>
    word.replaceAll(root + sep, ''),
  )
  const words = [relative(root, cwd ?? root), isAbsolute(program) ? basename(program) : program, ...args]
  return sha256(JSON.stringify(words)).slice(0, 12)
}

/** Stands for the network where the command brings its own: its words, and its program where that is a file. */
function commandHash(command: readonly string[]): string {
  const files = command.filter(
    argument => argument.includes('/') && statSync(argument, { throwIfNoEntry: false })?.isFile(),
  )
  return sha256(JSON.stringify([command, files.map(sha256File)]))
}
