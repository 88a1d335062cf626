// How much `npm run gate` costs beyond the inference it contains. Prints the figures and the bound of the issue:
// total <= 1.15 x inference + 2 s. Run after `npm run build`.
import { spawnSync } from 'node:child_process'

const start = performance.now()
const { stdout, status } = spawnSync(process.execPath, ['dist/cli/main.js', 'gate', '--json'], {
  encoding: 'utf8',
  maxBuffer: 1 << 28,
})
const total = (performance.now() - start) / 1000
if (status !== 0)
  throw new Error(`the gate ended with ${status}: only a gate that passes runs no attribution`)
const { cases } = JSON.parse(stdout)
const inference = cases.reduce((sum, item) => sum + item.milliseconds, 0) / 1000
const bound = 1.15 * inference + 2
console.log(`cases      ${cases.length}`)
console.log(`inference  ${inference.toFixed(2)} s`)
console.log(`total      ${total.toFixed(2)} s (process start to end)`)
console.log(
  `bound      ${bound.toFixed(2)} s (1.15 x inference + 2 s): ${total <= bound ? 'kept' : 'BROKEN'}`,
)
