// The check of `polygraphy debug precision`: the engine that it has just built, held against the goldens by the tolerance that
// all methods keep. Ends with 0 where it passes, and then keeps the engine as best.plan.
//   node check.mjs NETWORK WORK ENGINE      in a project whose engine has plan: ENGINE
import { appendFileSync, copyFileSync } from 'node:fs'
import { networksIn } from './networks.mjs'
import { bench } from './project.mjs'

const [name, work, plan] = process.argv.slice(2)
const timing = ['--iterations', '10', '--warmup', '0']
const [row] = await bench('.', networksIn(work)[name], [name], { log: 'check.log', limit: 120, timing })
const pass = row.type === 'measured' && row.accuracy.failing.length === 0
appendFileSync('checks.jsonl', `${JSON.stringify({ pass, accuracy: row.accuracy, error: row.error })}\n`)
if (pass) copyFileSync(plan, 'best.plan')
process.exitCode = pass ? 0 : 1
