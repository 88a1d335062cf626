// What `depthgate mend` finds for every trap network and for pocket, as the table of docs/explain-and-mend.md:
//   npm run build && npm run bench:mend
import { execFileSync } from 'node:child_process'
import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'

const repo = new URL('..', import.meta.url).pathname
const networks = join(repo, 'fixtures/networks')
const traps = readdirSync(networks, { withFileTypes: true }).filter(entry => entry.isDirectory())

function trap(name) {
  const { tolerance, recipes } = JSON.parse(readFileSync(join(networks, name, 'case.json'), 'utf8'))
  return {
    onnx: join(networks, name, 'net.onnx'),
    golden: join(networks, name, 'golden'),
    recipes: name === 'long-sums' ? { fp16: { accumulate: 'fp16' } } : recipes,
    ...(tolerance && { outputs: { depth: { tolerance } } }),
  }
}

const models = Object.fromEntries(traps.map(({ name }) => [name, trap(name)]))
models.pocket = {
  onnx: join(repo, 'models/pocket/pocket.onnx'),
  golden: join(repo, 'golden/pocket'),
  outputs: { inverse_depth: { range: { min: 0.01 } }, depth: { range: { min: 0.1, max: 60 } } },
}
const more = { pocket: ['--scene', 'kitchen', '--scene', 'street', '--within', 'absRel=0.0003'] }

const folder = mkdtempSync(join(tmpdir(), 'depthgate-mend-'))
writeFileSync(join(folder, 'depthgate.config.json'), JSON.stringify({ models }))
const percent = share => (share === 'Infinity' ? '∞' : `${Number((share * 100).toPrecision(3))} %`)

console.log('| network | all in fp16 | mended | all in FP32 | kept in FP32 | cost | trials | seconds |')
console.log('|---|---|---|---|---|---|---|---|')
for (const name of Object.keys(models)) {
  const started = performance.now()
  const args = ['mend', name, '--json', '--plan', `${name}.json`, ...(more[name] ?? [])]
  let told
  try {
    told = execFileSync(process.execPath, [join(repo, 'dist/cli/main.js'), ...args], {
      cwd: folder,
      stdio: ['ignore', 'pipe', 'ignore'],
    })
  } catch (failed) {
    told = failed.stdout
  }
  const found = JSON.parse(told)
  const seconds = ((performance.now() - started) / 1000).toFixed(0)
  const kept = {
    hopeless: 'nothing helps: FP32 itself fails',
    passes: 'nothing needed',
    mended: summary(found.plan?.nodes ?? []),
  }[found.type]
  const figures = [found.low, found.mended, found.fp32].map(point => (point ? percent(point.worst.used) : ''))
  const cost = found.mended ? percent(found.mended.cost) : ''
  console.log(`| ${[name, ...figures, kept, cost, found.trials.run, seconds].join(' | ')} |`)
}
rmSync(folder, { recursive: true })

function summary(nodes) {
  if (nodes.length > 6) return `${nodes.length} nodes`
  return nodes.map(node => `\`${node.name}\`${node.in === 'fp32' ? '' : ' (sums)'}`).join(', ')
}
