import { execFileSync } from 'node:child_process'
import { join } from 'node:path'
import { run } from './cli.ts'
import { repo } from './files.ts'

const ask = 'import onnx; assert onnx.defs.onnx_opset_version() >= 22'

/** A Python whose onnx knows opset 22: DEPTHGATE_PYTHON, python3, the repository's .venv, the system's. CI makes the .venv. */
export const checkerPython = [
  process.env.DEPTHGATE_PYTHON,
  'python3',
  join(repo, '.venv/bin/python'),
  '/usr/bin/python3',
].find(program => {
  try {
    if (!program) return false
    execFileSync(program, ['-c', ask], { stdio: 'ignore' })
    return true
  } catch {
    return false
  }
})

const script = `
import json, sys, onnx
faults = {}
for path in sys.argv[1:]:
    try:
        onnx.checker.check_model(path, full_check=True)
    except Exception as error:
        faults[path] = str(error)
print(json.dumps(faults))
`

/** What onnx.checker with full_check finds wrong, by file; empty where all is well. One Python process for all files. */
export async function checkerFaults(files: readonly string[]): Promise<Record<string, string>> {
  const { code, stdout, stderr } = await run(checkerPython!, ['-c', script, ...files], repo)
  if (code !== 0) throw new Error(`onnx.checker cannot be run: ${stderr}`)
  return JSON.parse(stdout)
}
