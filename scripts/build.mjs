// Builds dist/: JavaScript and types by tsc, then what tsc leaves: the Python programs, the page's style, the example and the JSON schemas.
import { execFileSync } from 'node:child_process'
import { chmodSync, cpSync, mkdirSync, readdirSync, rmSync, writeFileSync } from 'node:fs'
import { createRequire } from 'node:module'
import { dirname, join } from 'node:path'

process.chdir(new URL('..', import.meta.url).pathname)
const tsc = join(dirname(createRequire(import.meta.url).resolve('typescript/package.json')), 'bin/tsc')
rmSync('dist', { recursive: true, force: true })
execFileSync(process.execPath, [tsc, '-p', 'tsconfig.build.json'], { stdio: 'inherit' })
cpSync('src/golden/capture.py', 'dist/golden/capture.py')
for (const file of readdirSync('src/engines/worker', { recursive: true }).filter(name =>
  name.endsWith('.py'),
))
  cpSync(join('src/engines/worker', file), join('dist/engines/worker', file))
for (const file of ['report.css', 'report.js', 'theme.js'])
  cpSync(`src/report/html/${file}`, `dist/report/html/${file}`)
cpSync('src/report/explain/page', 'dist/report/explain/page', { recursive: true })
// what `depthgate init --example` puts into a project: the network of the tests with its goldens
cpSync('fixtures/tiny/tiny.onnx', 'dist/example/models/tiny.onnx')
cpSync('fixtures/tiny/golden/tiny', 'dist/example/golden/tiny', { recursive: true })
chmodSync('dist/cli/main.js', 0o755)

const { manifestSchema } = await import('../dist/golden/manifest-schema.js')
const { configSchema } = await import('../dist/gate/config-schema.js')
const { runSchema } = await import('../dist/gate/run-schema.js')
const { baselineSchema } = await import('../dist/gate/baseline-schema.js')
const { precisionPlanSchema } = await import('../dist/gate/precision-plan-schema.js')
mkdirSync('dist/schema', { recursive: true })
for (const [name, schema] of Object.entries({
  manifest: manifestSchema,
  config: configSchema,
  run: runSchema,
  baseline: baselineSchema,
  'precision-plan': precisionPlanSchema,
}))
  writeFileSync(`dist/schema/${name}.schema.json`, `${JSON.stringify(schema, null, 2)}\n`)
