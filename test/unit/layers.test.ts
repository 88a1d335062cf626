import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, relative, resolve } from 'node:path'
import { expect, test } from 'vitest'

/** Lowest first. A module imports from its own folder and from folders above it in this list, never from below. */
const layers = [
  'base',
  'depth',
  'metrics',
  'onnx',
  'golden',
  'precision',
  'engines',
  'gate',
  'explain',
  'report',
  'matcher',
  'cli',
]
const src = resolve(import.meta.dirname, '../../src')

const modules = readdirSync(src, { recursive: true, encoding: 'utf8' }).filter(file => file.endsWith('.ts'))

/** The import that points upwards, or undefined. */
function upwards(module: string, text: string): string | undefined {
  const own = layers.indexOf(module.split('/')[0]!)
  for (const [, target = ''] of text.matchAll(/(?:from|import\()\s*'(\.[^']+)'/g)) {
    const path = relative(src, resolve(src, dirname(module), target))
    const layer = layers.indexOf(path.split('/')[0]!)
    if (layer === -1 || layer > own) return path
  }
  return undefined
}

test('every folder of src is a layer', () => {
  const folders = modules.filter(file => file.includes('/')).map(file => file.split('/')[0])
  expect([...new Set(folders)].sort()).toEqual([...layers].sort())
})

test.each(modules.filter(file => file.includes('/')))('%s imports downwards only', module => {
  expect(upwards(module, readFileSync(join(src, module), 'utf8'))).toBeUndefined()
})

test('an import that points upwards is found', () => {
  expect(upwards('metrics/x.ts', "import { judge } from '../gate/judge.ts'")).toBe('gate/judge.ts')
  expect(upwards('metrics/x.ts', "const a = await import('../gate/judge.ts')")).toBe('gate/judge.ts')
  expect(upwards('metrics/x.ts', "import { a } from '../index.ts'")).toBe('index.ts')
})

test('index.ts only re-exports', () => {
  const statements = readFileSync(join(src, 'index.ts'), 'utf8')
    .split('\n')
    .filter(line => line.trim() !== '')
  expect(
    statements.filter(line => !/^(export .* from |import '|} from |export (type )?\{| {2})/.test(line)),
  ).toEqual([])
})
