// Makes src/depth/half-wasm.ts from half.wat. Run after changing that; a test tells when it was forgotten.
import { readFileSync, writeFileSync } from 'node:fs'
import loadWabt from 'wabt'

process.chdir(new URL('..', import.meta.url).pathname)
const wabt = await loadWabt()
const source = wabt.parseWat('half.wat', readFileSync('src/depth/half.wat', 'utf8'), { simd: true })
const text = Buffer.from(source.toBinary({}).buffer).toString('base64')
writeFileSync(
  'src/depth/half-wasm.ts',
  `/** half.wat as WebAssembly, in base64. Made by scripts/wasm.mjs. */\nexport const halfWasm =\n  '${text}'\n`,
)
