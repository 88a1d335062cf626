import { existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import { describe, expect, test } from 'vitest'
import { depthgate } from '../helpers/cli.ts'
import { temporaryFolder, tinyProject } from '../helpers/files.ts'

const read = (folder: string, file: string) => readFileSync(join(folder, file), 'utf8')
const filesOf = (folder: string) =>
  readdirSync(folder, { recursive: true, withFileTypes: true })
    .filter(entry => entry.isFile())
    .map(entry => join(entry.parentPath, entry.name).slice(folder.length + 1))
    .sort()
const contentsOf = (folder: string) =>
  Object.fromEntries(filesOf(folder).map(file => [file, read(folder, file)]))

describe('depthgate init', () => {
  test('in an empty folder writes what a project needs; a second run changes nothing', async () => {
    const folder = temporaryFolder()
    const { code, stdout } = await depthgate(['init', '--onnx', 'models/Depth-Anything.onnx'], folder)
    expect(code).toBe(0)
    expect(filesOf(folder)).toEqual([
      '.gitattributes',
      '.github/workflows/depthgate.yml',
      '.gitignore',
      'depth.test.ts',
      'depthgate.config.ts',
      'package.json',
      'vitest.config.ts',
    ])
    expect(read(folder, 'depthgate.config.ts')).toContain(
      `'depth-anything': { onnx: 'models/Depth-Anything.onnx' }`,
    )
    expect(read(folder, 'depth.test.ts')).toContain(`scenes('depth-anything')`)
    expect(JSON.parse(read(folder, 'package.json'))).toMatchObject({
      type: 'module',
      scripts: { test: 'vitest run', gate: 'depthgate gate' },
    })
    expect(read(folder, '.github/workflows/depthgate.yml')).toContain('ONNXRUNTIME_NODE_INSTALL: skip')
    expect(stdout).toContain('npm install --save-dev depthgate vitest')
    expect(stdout).toContain('npx depthgate capture')

    const before = contentsOf(folder)
    expect(await depthgate(['init'], folder)).toMatchObject({ code: 0 })
    expect(contentsOf(folder)).toEqual(before)
  })

  test('--dry-run lists the same and writes nothing', async () => {
    const folder = temporaryFolder()
    const { code, stdout } = await depthgate(['init', '--example', '--dry-run'], folder)
    expect(code).toBe(0)
    expect(stdout).toMatch(/depthgate\.config\.ts +would be written/)
    expect(stdout).toMatch(/models\/tiny\.onnx +would be written/)
    expect(filesOf(folder)).toEqual([])
  })

  test('leaves what exists, adds only lines that are missing, and says what is left to do', async () => {
    const folder = temporaryFolder()
    const own = {
      'depth.test.ts': '// mine\n',
      'vite.config.js': 'export default {}\n',
      '.gitignore': '/.depthgate\n*.log',
      '.gitattributes': '*.npy filter=lfs diff=lfs merge=lfs -text\n',
      'package.json':
        '{\n\t"name": "mine",\n\t"scripts": { "test": "mocha" },\n\t"devDependencies": { "vitest": "^4.1.0" }\n}',
    }
    for (const [file, text] of Object.entries(own)) writeFileSync(join(folder, file), text)
    const { stdout } = await depthgate(['init'], folder)
    for (const file of ['depth.test.ts', 'vite.config.js'] as const)
      expect(read(folder, file)).toBe(own[file])
    expect(existsSync(join(folder, 'vitest.config.ts'))).toBe(false)
    expect(stdout).toContain("in vite.config.js, add to `test`: setupFiles: ['depthgate/vitest']")
    expect(read(folder, '.gitignore')).toBe(
      '/.depthgate\n*.log\n.vitest-attachments/\n.vitest-reports/\n.vitest/\n',
    )
    expect(read(folder, '.gitattributes')).toMatch(
      /^\*\.npy filter=lfs[\s\S]*\n\*\.onnx binary\n\*\.onnx\.data binary\n/,
    )
    expect(read(folder, '.gitattributes')).not.toContain('*.npy binary')
    expect(read(folder, 'package.json')).toBe(
      '{\n\t"name": "mine",\n\t"scripts": {\n\t\t"test": "mocha",\n\t\t"gate": "depthgate gate"\n\t},\n\t"devDependencies": {\n\t\t"vitest": "^4.1.0"\n\t}\n}',
    )
    expect(stdout).toContain('npm install --save-dev depthgate ')
  })

  test('an existing config names the models to test; the example is told, not forced, into it', async () => {
    const folder = tinyProject()
    const { stdout } = await depthgate(['init'], folder)
    expect(stdout).toMatch(/depthgate\.config\.json +exists/)
    expect(existsSync(join(folder, 'depthgate.config.ts'))).toBe(false)
    expect(read(folder, 'depth.test.ts')).toContain(`scenes('tiny')`)

    const other = temporaryFolder()
    writeFileSync(join(other, 'depthgate.config.json'), '{ "models": { "midas": { "onnx": "midas.onnx" } } }')
    expect((await depthgate(['init', '--example'], other)).stdout).toContain(
      "in depthgate.config.json, add to `models`: tiny: { onnx: 'models/tiny.onnx' }",
    )
  })

  test("a CommonJS package gets a Vitest config that is a module, npm's placeholder a test script", async () => {
    const folder = temporaryFolder()
    writeFileSync(
      join(folder, 'package.json'),
      JSON.stringify({ scripts: { test: 'echo "Error: no test specified" && exit 1' } }),
    )
    await depthgate(['init'], folder)
    expect(existsSync(join(folder, 'vitest.config.mts'))).toBe(true)
    expect(JSON.parse(read(folder, 'package.json')).scripts.test).toBe('vitest run')
  })

  test('inside a repository the workflow is told, since only its root is read', async () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, '.git'))
    mkdirSync(join(folder, 'packages/depth'), { recursive: true })
    const { stdout } = await depthgate(['init'], join(folder, 'packages/depth'))
    expect(existsSync(join(folder, 'packages/depth/.github'))).toBe(false)
    expect(stdout).toContain(`in a workflow of ${folder}`)
  })

  test('below a folder with a config, a note says that the new one takes its place', async () => {
    const above = tinyProject()
    const folder = join(above, 'packages/depth')
    mkdirSync(folder, { recursive: true })
    const note = `note: in this folder the new config takes the place of ${join(above, 'depthgate.config.json')}. For one`
    expect((await depthgate(['init'], folder)).stdout).toContain(note)
    // said once: the second run writes no config
    expect((await depthgate(['init'], folder)).stdout).not.toContain('note:')
    expect((await depthgate(['init'], above)).stdout).not.toContain('note:')
  })

  test.each([
    ['another file where the example has one', 'models/tiny.onnx', 'mine', "not the example's"],
    ['a package.json that is no JSON', 'package.json', '{,', 'is not JSON'],
    ['a folder where a file belongs', '.gitignore/x', '', 'is a directory'],
    ['a config that throws', 'depthgate.config.ts', 'throw new Error("no")', 'threw while it was loaded'],
  ])('%s is an error, and nothing is written', async (_, file, text, message) => {
    const folder = temporaryFolder()
    mkdirSync(dirname(join(folder, file)), { recursive: true })
    writeFileSync(join(folder, file), text)
    const { code, stderr } = await depthgate(['init', '--example'], folder)
    expect(code).toBe(2)
    expect(stderr).toContain(message)
    expect(stderr).toContain(file.replace('/x', ''))
    expect(filesOf(folder)).toEqual([file])
  })

  test('--example has a model of its own', async () => {
    const { code, stderr } = await depthgate(['init', '--example', '--onnx', 'a.onnx'], temporaryFolder())
    expect(code).toBe(2)
    expect(stderr).toContain('--example or --onnx')
  })

  test('--json', async () => {
    const { stdout } = await depthgate(['init', '--json'], temporaryFolder())
    const { steps, next } = JSON.parse(stdout)
    expect(steps).toContainEqual({ type: 'write', file: 'depthgate.config.ts' })
    expect(next[0]).toContain('npm install')
  })
})
