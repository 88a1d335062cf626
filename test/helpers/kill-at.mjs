// Loaded before a program (--import): ends it with SIGKILL at the KILL_AT-th call that changes a file below KILL_IN.
import fs from 'node:fs'
import { syncBuiltinESMExports } from 'node:module'
import { resolve, sep } from 'node:path'

const folder = resolve(process.env.KILL_IN) + sep
let left = Number(process.env.KILL_AT)
const opened = new Set()

const below = path => typeof path === 'string' && resolve(path).startsWith(folder)

function before(name, test) {
  const real = fs[name]
  fs[name] = (...args) => {
    if (test(...args) && --left === 0) process.kill(process.pid, 'SIGKILL')
    return real(...args)
  }
}

for (const name of [
  'writeFileSync',
  'mkdirSync',
  'mkdtempSync',
  'rmSync',
  'rmdirSync',
  'unlinkSync',
  'chownSync',
])
  before(name, below)
before('renameSync', (from, to) => below(from) || below(to))
for (const name of ['writeSync', 'fsyncSync', 'closeSync']) before(name, file => opened.has(file))
const open = fs.openSync
fs.openSync = (path, flags, ...more) => {
  const writes = below(path) && flags !== 'r' && flags !== undefined
  if (writes && --left === 0) process.kill(process.pid, 'SIGKILL')
  const file = open(path, flags, ...more)
  if (writes) opened.add(file)
  return file
}
syncBuiltinESMExports()
