import { execFile } from 'node:child_process'
import { messageOf } from '../base/errors.ts'
import { defaultPython } from '../base/python.ts'
import { type Availability, availability } from '../engines/availability.ts'
import { releaseEngines } from '../engines/pool.ts'
import type { EngineSettings } from '../engines/settings.ts'
import { endWorkers } from '../engines/tensorrt/workers.ts'
import { loadConfig } from '../gate/config.ts'
import { fail, pass } from '../report/phrase.ts'
import { type Command, parse } from './command.ts'

interface Finding {
  name: string
  /** What is asked for: an engine of the config, one that it could have, or a tool. */
  kind: 'config' | 'engine' | 'tool'
  result: Availability
}

/** Says which engines work on this machine, and what would make the others work. */
export const doctor: Command = {
  summary: 'say which engines work here, and the command that mends each other one',
  help: `depthgate doctor [options]

  --config FILE       whose engines are tried too; by default the depthgate.config.* of this folder or one above, if any
  --python PROGRAM    the Python with PyTorch and TensorRT (DEPTHGATE_PYTHON, else python3)
  --json              print the findings as JSON

Exit code: 0 every engine of the config works, 1 one does not, 2 the config is bad.

  depthgate doctor --python .venv/bin/python
`,
  async run(args) {
    const { values } = parse('doctor', args, {
      config: { type: 'string' },
      python: { type: 'string', default: defaultPython() },
      json: { type: 'boolean', default: false },
    })
    const findings: Finding[] = []
    for (const [name, settings] of Object.entries(declared(values.config)))
      findings.push({ name, kind: 'config', result: await availability(settings) })
    for (const [name, settings] of Object.entries(known(values.python)))
      findings.push({ name, kind: 'engine', result: await availability(settings) })
    findings.push({ name: 'PyTorch, for capture', kind: 'tool', result: await pytorch(values.python) })
    await releaseEngines()
    await endWorkers()
    console.log(values.json ? JSON.stringify(findings, null, 2) : findings.map(textOf).join('\n'))
    return findings.some(({ kind, result }) => kind === 'config' && result.type === 'missing') ? 1 : 0
  },
}

function known(python: string): Record<string, EngineSettings> {
  return {
    'onnxruntime on the CPU': { engine: 'onnxruntime' },
    'onnxruntime, provider cuda': { engine: 'onnxruntime', provider: 'cuda' },
    'onnxruntime, provider tensorrt': { engine: 'onnxruntime', provider: 'tensorrt' },
    tensorrt: { engine: 'tensorrt', python },
  }
}

/** The engines of the config; none where there is no config here. */
function declared(file: string | undefined): Record<string, EngineSettings> {
  try {
    return loadConfig(file).config.engines ?? {}
  } catch (thrown) {
    if (file === undefined && /no depthgate\.config\.ts here/.test(messageOf(thrown))) return {}
    throw thrown
  }
}

function pytorch(python: string): Promise<Availability> {
  const program =
    'import torch; print("PyTorch", torch.__version__, "with" if torch.cuda.is_available() else "without", "a GPU")'
  return new Promise(done =>
    execFile(python, ['-c', program], { timeout: 120_000 }, (cause, stdout) => {
      if (!cause) done({ type: 'works', detail: stdout.trim() })
      else if (cause.code === 'ENOENT')
        done({
          type: 'missing',
          reason: `${python} cannot be started`,
          fix: 'Install Python 3.9 or later, or name yours with --python',
        })
      else
        done({
          type: 'missing',
          reason: `${python} does not import torch: ${cause.message.trim().split('\n').at(-1)}`,
          fix: `${python} -m pip install torch`,
        })
    }),
  )
}

function textOf({ name, kind, result }: Finding): string {
  const what = kind === 'config' ? `engine ${name} of the config` : name
  return result.type === 'works'
    ? `${pass()} ${what}: ${result.detail}`
    : `${fail()} ${what}: ${result.reason}\n    ${result.fix}`
}
