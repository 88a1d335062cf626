#!/usr/bin/env node
import { DepthgateError } from '../base/errors.ts'
import { didYouMean } from '../base/names.ts'
import { version } from '../base/version.ts'
import { terminal } from '../report/escape.ts'
import { fromHere } from '../report/phrase.ts'
import type { Command } from './command.ts'

/** Verbs are loaded when they are called: help and `compare` do not wait for ONNX Runtime. */
const verbs: Record<string, () => Promise<Command>> = {
  init: async () => (await import('./init.ts')).init,
  gate: async () => (await import('./gate.ts')).gate,
  review: async () => (await import('./review.ts')).review,
  pending: async () => (await import('./pending.ts')).pending,
  accept: async () => (await import('./accept.ts')).accept,
  reject: async () => (await import('./accept.ts')).reject,
  judge: async () => (await import('./judge.ts')).judge,
  diff: async () => (await import('./diff.ts')).diff,
  tolerance: async () => (await import('./tolerance.ts')).tolerance,
  prune: async () => (await import('./prune.ts')).prune,
  report: async () => (await import('./report.ts')).report,
  compare: async () => (await import('./compare.ts')).compare,
  capture: async () => (await import('./capture.ts')).capture,
  explain: async () => (await import('./explain.ts')).explain,
  mend: async () => (await import('./mend.ts')).mend,
  convert: async () => (await import('./convert.ts')).convert,
  bench: async () => (await import('./bench.ts')).bench,
  doctor: async () => (await import('./doctor.ts')).doctor,
  import: async () => (await import('./import.ts')).importCommand,
}

async function main([verb, ...args]: string[]): Promise<number> {
  if (verb === '--version' || verb === '-v') {
    console.log(version)
    return 0
  }
  if (verb === undefined || verb === '--help' || verb === '-h' || verb === 'help') {
    console.log(await overview())
    return verb === undefined ? 2 : 0
  }
  const load = Object.hasOwn(verbs, verb) ? verbs[verb] : undefined
  if (!load)
    throw new DepthgateError(
      'usage',
      `depthgate has no verb ${JSON.stringify(verb)}${didYouMean(verb, Object.keys(verbs))} See: depthgate --help`,
    )
  const command = await load()
  if (args.includes('--help') || args.includes('-h')) {
    console.log(command.help)
    return 0
  }
  return command.run(args)
}

async function overview(): Promise<string> {
  const lines = await Promise.all(
    Object.entries(verbs).map(async ([verb, load]) => `  ${verb.padEnd(10)} ${(await load()).summary}`),
  )
  return `depthgate: accuracy regression tests for depth networks on their way from PyTorch to ONNX and TensorRT

  depthgate VERB [options]

${lines.join('\n')}

  depthgate VERB --help    options and examples
  depthgate --version

Exit code: 0 pass, 1 a comparison failed, 2 nothing could be compared or the input is bad, 130 stopped by Ctrl-C.`
}

// what is printed quotes names and messages from files: no character of theirs steers the terminal
for (const name of ['log', 'info', 'error'] as const) {
  const print = console[name]
  console[name] = (...items) =>
    print(...items.map(item => (typeof item === 'string' ? terminal(item) : item)))
}

try {
  const code = await main(process.argv.slice(2))
  process.exitCode = code
  // after a signal an engine may still be at work; it must not keep the process when everything is told
  if (code > 128) process.stdout.write('', () => process.exit(code))
} catch (thrown) {
  // what a person can mend is told in words; anything else is a fault of depthgate and keeps its stack
  if (thrown instanceof DepthgateError && process.argv.includes('--json'))
    console.log(JSON.stringify({ error: { code: thrown.code, message: thrown.message } }))
  console.error(thrown instanceof DepthgateError ? `depthgate: ${fromHere(thrown.message)}` : thrown)
  process.exitCode = 2
}
