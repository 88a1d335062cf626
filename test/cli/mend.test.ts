import { spawn } from 'node:child_process'
import { cpSync, existsSync, mkdirSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { setTimeout } from 'node:timers/promises'
import ndarray from 'ndarray'
import { describe, expect, onTestFinished, test } from 'vitest'
import { isRunning } from '../../src/base/processes.ts'
import { encodeNpy, parseNpy } from '../../src/depth/npy.ts'
import type { NodeError } from '../../src/explain/node-errors.ts'
import type { ModelConfig } from '../../src/gate/define-config.ts'
import { TensorProto_DataType } from '../../src/onnx/gen/onnx_pb.ts'
import { encodeModel, readModel } from '../../src/onnx/model.ts'
import { depthgate, type Ran } from '../helpers/cli.ts'
import { repo, temporaryFolder, writeConfig } from '../helpers/files.ts'
import { graphOf, nodeOf, runModel } from '../helpers/graph.ts'
import { trapProject } from '../helpers/models.ts'

/** A project of one trap network, at fp16. */
function project(trap: string, more: Partial<ModelConfig> = {}): string {
  return trapProject(trap, { precisions: ['fp16'], ...more })
}

function config(folder: string, more: object = {}): void {
  writeConfig(folder, {
    models: { net: { onnx: 'net.onnx', golden: 'golden', precisions: ['fp16'], ...more } },
  })
}

function isNarrow({ stdout }: Ran): void {
  // names of files and lists for other tools are as long as they are
  const lines = stdout
    .split('\n')
    .filter(line => !/^(plan|trtexec|ModelOpt|ONNX|frontier|page|not written):/.test(line))
  expect(lines.filter(line => [...line].length > 80)).toEqual([])
}

/** Starts the built command line and signals its whole group, as a terminal does, or it alone, as soon as `ready`. */
async function signalled(
  args: readonly string[],
  folder: string,
  ready: () => boolean,
  signal: NodeJS.Signals = 'SIGINT',
  alone = false,
): Promise<{ code: number | null; words: string }> {
  const command = [join(repo, 'dist/cli/main.js'), ...args]
  const env = { ...process.env, TMPDIR: join(folder, 'tmp') }
  mkdirSync(env.TMPDIR)
  const child = spawn(process.execPath, command, { cwd: folder, detached: true, env })
  onTestFinished(() => void child.kill('SIGKILL'))
  let words = ''
  child.stderr.on('data', piece => {
    words += piece
  })
  const ended = new Promise<number | null>(done => child.on('close', done))
  while (child.exitCode === null && !ready()) await setTimeout(5)
  process.kill(alone ? child.pid! : -child.pid!, signal)
  return { code: await ended, words }
}

/** What `signalled` left among the system's temporary files; ONNX Runtime leaves some of its own. */
function temporaries(folder: string): string[] {
  return readdirSync(join(folder, 'tmp')).filter(name => name.startsWith('depthgate'))
}

describe('mend', () => {
  test('writes a plan with which the gate passes, the ONNX, the frontier, and forms for other tools', async () => {
    const folder = project('layernorm-overflow')
    expect((await depthgate(['gate', '--no-save'], folder)).code).toBe(1)
    const args = ['mend', 'net', '-o', 'mended.onnx', '--frontier', 'f.svg', '--trtexec', '--modelopt']
    const mended = await depthgate(args, folder)
    expect(mended.code, mended.stderr).toBe(0)
    expect(mended.stdout).toContain(
      'net at fp16 keeps every limit with a margin of 10 % with 4 nodes in FP32',
    )
    expect(mended.stdout).toContain('--layerPrecisions=/norm/Pow:fp32,/norm/ReduceMean_1:fp32')
    expect(mended.stdout).toContain("--nodes_to_exclude '^/norm/Pow$'")
    isNarrow(mended)
    expect(readFileSync(join(folder, 'f.svg'), 'utf8')).toMatch(/^<svg .*<\/svg>\n$/s)
    expect(JSON.parse(readFileSync(join(folder, 'f.json'), 'utf8')).curve.length).toBeGreaterThan(2)
    // nothing of a trial is left
    expect(readdirSync(join(folder, '.depthgate/mend')).filter(name => name.startsWith('trial'))).toEqual([])

    config(folder, { recipes: { fp16: 'precision-plan.json' } })
    const gated = await depthgate(['gate', '--no-save', '--json'], folder)
    expect(gated.code, gated.stdout).toBe(0)
    expect(gated.stdout).not.toContain('another ONNX')
    const given = { onnx: { fp32: 'net.onnx', fp16: 'mended.onnx' } }
    config(folder, given)
    expect((await depthgate(['gate', '--no-save'], folder)).code).toBe(0)
    // asked again, on top of the recipe that the plan was made on
    config(folder, { recipes: { fp16: 'precision-plan.json' } })
    const again = await depthgate(['mend', 'net'], folder)
    expect(again.stdout).toContain('0 trials run')
  })

  test('other tools are told all that stays FP32, also what the recipe keeps: by these names it is the same network', async () => {
    const keep = ['/norm/Pow', '/norm/ReduceMean_1']
    const folder = project('layernorm-overflow', { recipes: { fp16: { keep } } })
    const args = ['mend', 'net', '-o', 'mended.onnx', '--trtexec', '--modelopt']
    const { stdout, stderr } = await depthgate(args, folder)
    expect(stdout, stderr).toContain('with 2 nodes in FP32')
    const [, layers] = /--layerPrecisions=(\S+)/.exec(stdout)!
    const names = layers!.split(',').map(layer => /^(.*):fp32$/.exec(layer)![1]!)
    expect(names).toEqual([...keep, '/norm/Add', '/norm/Sqrt'])
    const patterns = names.map(name => `'^${name}$'`)
    expect(stdout).toContain(`--nodes_to_exclude ${patterns.join(' ')}\n`)
    const again = names.flatMap(name => ['--keep', name])
    expect((await depthgate(['convert', 'net.onnx', '-o', 'again.onnx', ...again], folder)).code).toBe(0)
    const [mended, made] = ['mended.onnx', 'again.onnx'].map(file => readFileSync(join(folder, file)))
    expect(made!.equals(mended!)).toBe(true)
  })

  test('a plan for another ONNX is a note in every verdict; one whose nodes are gone an error', async () => {
    const folder = project('layernorm-overflow')
    expect((await depthgate(['mend', 'net'], folder)).code).toBe(0)
    config(folder, { recipes: { fp16: 'precision-plan.json' } })
    const onnx = join(folder, 'net.onnx')
    const model = readModel(onnx)
    model.producerName = 'exported again'
    writeFileSync(onnx, Buffer.concat(encodeModel(model)))
    const gated = await depthgate(['gate', '--no-save', '--json'], folder)
    expect(gated.code).toBe(0)
    expect(gated.stdout).toContain('precision-plan.json was made for another ONNX')

    for (const node of model.graph!.node) if (node.name === '/norm/Pow') node.name = '/norm/Square'
    writeFileSync(onnx, Buffer.concat(encodeModel(model)))
    const gone = await depthgate(['gate', '--no-save'], folder)
    expect(gone.code).toBe(2)
    expect(gone.stdout).toMatch(/has no single node Pow "\/norm\/Pow"/)
  })

  test('a plan that the config names and that is yet to be made is made', async () => {
    const folder = project('layernorm-overflow', { recipes: { fp16: 'plans/mine.json' } })
    const mended = await depthgate(['mend', 'net', '--trials', '10'], folder)
    expect(mended.code, mended.stderr).toBe(0)
    expect(mended.stderr).toContain('note: plans/mine.json, which the config names, is not there yet')
    expect(mended.stdout).toContain('\nplan: plans/mine.json, as the config says\n')
    // so few trials tell no node apart
    expect(mended.stdout).toMatch(/ 9320 % \/ (\d+) .*\n% \/ \1: of \1 neighbours together/s)
    isNarrow(mended)
    expect((await depthgate(['gate', '--no-save'], folder)).code).toBe(0)
  })

  test('nodes without names are told by their places and what they write', async () => {
    const folder = project('attention-logits')
    const onnx = join(folder, 'net.onnx')
    const model = readModel(onnx)
    for (const node of model.graph!.node) node.name = ''
    writeFileSync(onnx, Buffer.concat(encodeModel(model)))
    const mended = await depthgate(['mend', 'net', '--trtexec'], folder)
    expect(mended.code, mended.stderr).toBe(0)
    expect(mended.stdout).toMatch(
      /\n\ntrtexec cannot be told.*: #6 MatMul, #7 Softmax\nThe ONNX that -o writes/,
    )
    expect(mended.stdout).not.toContain('--layerPrecisions')
    config(folder, { recipes: { fp16: 'precision-plan.json' } })
    expect((await depthgate(['gate', '--no-save'], folder)).code).toBe(0)
  })

  test('where FP32 itself misses the golden it says so, with the best that was reached; exit code 1', async () => {
    const found = await depthgate(['mend', 'net', '--frontier', 'f.svg'], project('export-constant'))
    expect(found.code).toBe(1)
    expect(found.stdout).toContain('not written: precision-plan.json, f.svg: no set of nodes passes\n')
    expect(found.stdout).toMatch(/no set of nodes keeps every limit .*\n.* FP32 itself does not/)
    isNarrow(found)
    expect(found.stdout).toMatch(/The best reached, everything in FP32: \d+ % of depth scale on slopes/)
  })

  test('a golden of another network: of another size it is refused, of the same no set of nodes passes', async () => {
    const small = temporaryFolder()
    cpSync(join(repo, 'fixtures/networks/benign/net.onnx'), join(small, 'net.onnx'))
    cpSync(join(repo, 'fixtures/tiny/golden/tiny'), join(small, 'golden'), { recursive: true })
    config(small)
    const refused = await depthgate(['mend', 'net'], small)
    expect(refused.code).toBe(2)
    expect(refused.stderr).toMatch(/net\.onnx: has the output depth, which no golden holds/)

    const folder = project('benign')
    cpSync(join(repo, 'fixtures/networks/reciprocal-head/golden'), join(folder, 'golden'), {
      recursive: true,
    })
    const found = await depthgate(['mend', 'net'], folder)
    expect(found.code).toBe(1)
    expect(found.stdout).toMatch(/Is the golden of this network\?/)
  })

  test.each([
    [['net', '--precision', 'fp61'], /"fp61" is unknown; did you mean "fp16"/],
    [['net', '--within', 'absRel'], /--within absRel: write NAME=LIMIT/],
    [
      ['net', '--within', 'absRel=0.1,fovErrorDeg=0.1'],
      /^depthgate: --within fovErrorDeg: no judged output of net has that limit\. There are: .*absRel, .*\n$/,
    ],
    [['net', '--within', 'absrel=1'], /--within: [\s\S]*"absrel" is unknown here; did you mean "absRel"/],
    [
      ['net', '--plan', 'f.json', '--frontier', 'f.svg'],
      /the figures of --frontier f\.json: is that of --plan too/,
    ],
    [
      ['net', '--plan', '.'],
      /^depthgate: --plan \.: cannot be written: is a folder\. Choose another place\n$/,
    ],
    [['net', '--plan', 'other.json'], /fit its schema[\s\S]*not written over: name another with --plan/],
    [['net', '--margin', '1'], /--margin 1: give a share from 0 to below 1/],
    [['net', '--scene', 'slope'], /"slope" is unknown; did you mean "slopes"/],
    [['ent'], /has no model "ent"; did you mean "net"/],
    [[], /takes one model of the config, got 0/],
  ])('%j is refused', async (args, says) => {
    const folder = project('benign')
    writeFileSync(join(folder, 'other.json'), '{}')
    const found = await depthgate(['mend', ...args], folder)
    expect(found.code).toBe(2)
    expect(found.stderr).toMatch(says)
  })

  test('where nothing is to be mended it says what is not written, and that an older plan stays', async () => {
    const folder = project('benign')
    const mend = (...args: string[]) => depthgate(['mend', 'net', '-o', 'mended.onnx', ...args], folder)
    expect((await mend('--within', 'absRel=0.00002')).code).toBe(0)
    const old = readFileSync(join(folder, 'precision-plan.json'), 'utf8')
    const found = await mend()
    expect(found.code).toBe(0)
    expect(found.stdout).toContain('not written: precision-plan.json, mended.onnx: nothing is to be mended\n')
    expect(found.stdout).toContain('precision-plan.json is of an earlier search, and stays as it is\n')
    expect(readFileSync(join(folder, 'precision-plan.json'), 'utf8')).toBe(old)
    const [command] = /(?<=depthgate )convert .*/.exec(found.stdout)!
    expect((await depthgate(command.split(' '), folder)).code).toBe(0)
    expect(JSON.parse((await mend('--json')).stdout).unwritten.what).toHaveLength(2)
  })

  test('a plan of another model, or precision, is not written over', async () => {
    const folder = project('reciprocal-head')
    expect((await depthgate(['mend', 'net'], folder)).code).toBe(0)
    writeConfig(folder, { models: { other: { onnx: 'net.onnx', golden: 'golden' } } })
    const found = await depthgate(['mend', 'other'], folder)
    expect(found.stderr).toMatch(/precision-plan\.json: is the fp16 plan of net\. Name another with --plan/)
    config(folder)
    const args = ['mend', 'net', '--precision', 'bf16', '--plan', 'precision-plan.json']
    expect((await depthgate(args, folder)).stderr).toBe(
      'depthgate: precision-plan.json: is the fp16 plan of net. Name another with --plan\n',
    )
  })

  test.each([
    ['SIGINT', 130],
    ['SIGKILL', null],
  ] as const)('after %s the same command goes on', async (signal, code) => {
    const folder = project('large-activations')
    const tried = () => {
      const mend = join(folder, '.depthgate/mend')
      const ledger = existsSync(mend) ? readdirSync(mend).find(name => name.endsWith('.jsonl')) : undefined
      return ledger ? readFileSync(join(mend, ledger), 'utf8').split('\n').length - 1 : 0
    }
    const stopped = await signalled(['mend', 'net'], folder, () => tried() >= 3, signal)
    expect(stopped.code, stopped.words).toBe(code)
    expect(existsSync(join(folder, 'precision-plan.json'))).toBe(false)
    const known = tried()
    const again = await depthgate(['mend', 'net'], folder)
    expect(again.code, again.stderr).toBe(0)
    expect(again.stdout).toContain(`${known} known from before`)
    expect(readdirSync(join(folder, '.depthgate/mend')).length).toBe(1)
  })
})

describe('on another engine', () => {
  const engine = (command: string[]) => ({
    engine: 'command',
    command: [process.execPath, ...command],
    input: 'raw',
    raw: { depth: { type: 'float32', shape: [16, 24] } },
  })
  /** Any program that takes an ONNX; here ONNX Runtime, which is given the strongly typed model. */
  const program = `import { readFileSync, writeFileSync } from 'node:fs'
import ort from ${JSON.stringify(join(repo, 'node_modules/onnxruntime-node/dist/index.js'))}
const [onnx, input, output] = process.argv.slice(2)
const session = await ort.InferenceSession.create(onnx)
const values = new Float32Array(new Uint8Array(readFileSync(input)).buffer)
const { depth } = await session.run({ image: new ort.Tensor('float32', values, [1, 3, 16, 24]) })
writeFileSync(output, Buffer.from(depth.data.buffer))
`

  test('the trials run there, with the format itself and not emulated', async () => {
    const folder = project('benign')
    writeFileSync(join(folder, 'app.mjs'), program)
    writeConfig(folder, {
      engines: { app: engine(['app.mjs', '{onnx}', '{input}', '{output:depth}']) },
      models: { net: { onnx: 'net.onnx', golden: 'golden', engines: ['app'] } },
    })
    // ONNX Runtime computes fp16 in FP32 here and loses little, but its inputs and weights are rounded
    const mended = await depthgate(['mend', 'net', '--within', 'absRel=0.00002'], folder)
    expect(mended.code, mended.stderr).toBe(0)
    const plan = JSON.parse(readFileSync(join(folder, 'precision-plan.json'), 'utf8'))
    expect(plan.made).toMatchObject({ engine: 'app', arithmetic: 'native' })
    expect(plan.nodes.length).toBeGreaterThan(0)
    expect(plan.after.used).toBeLessThanOrEqual(0.9)
  })

  test('where no set is confirmed the best one is told node by node, and the frontier is written all the same', async () => {
    const folder = project('benign')
    // loses as soon as one tensor is of fp16, and more with each of them: no set of nodes can pass, FP32 does
    const spoilt = program.replace(
      'writeFileSync(output',
      `const low = readFileSync(onnx, 'latin1').split('/fp16').length - 1
if (low > 0) depth.data.forEach((value, i) => { depth.data[i] = (1.1 + low / 1e4) * value })
writeFileSync(output`,
    )
    writeFileSync(join(folder, 'app.mjs'), spoilt)
    writeConfig(folder, {
      engines: {
        app: engine(['app.mjs', '{onnx}', '{input}', '{output:depth}']),
        cpu: { engine: 'onnxruntime' },
      },
      models: { net: { onnx: 'net.onnx', golden: 'golden', engines: ['app', 'cpu'] } },
    })
    const found = await depthgate(['mend', 'net', '--guide', 'cpu', '--frontier', 'f.svg'], folder)
    expect(found.code, found.stderr).toBe(1)
    expect(found.stdout).toContain('no set of nodes was confirmed')
    expect(found.stdout).toContain('frontier: f.svg')
    isNarrow(found)
    expect(readFileSync(join(folder, 'f.svg'), 'utf8')).toContain('best')
    const { curve, best } = JSON.parse(readFileSync(join(folder, 'f.json'), 'utf8'))
    expect(curve.length).toBeGreaterThan(2)
    expect(best.worst.used).toBeGreaterThan(0.9)

    // the best set is told node by node, in both forms
    const all = ['-o', 'mended.onnx', '--trtexec', '--modelopt', '--frontier', 'f.svg', '--json']
    const told = await depthgate(['mend', 'net', '--guide', 'cpu', ...all], folder)
    const { type, chosen, plan, unwritten } = JSON.parse(told.stdout)
    expect({ type, plan }).toEqual({ type: 'unconfirmed', plan: undefined })
    const places = chosen.flatMap(({ nodes }: { nodes: string[] }) => nodes)
    expect(places.length).toBe(best.nodes + best.sums)
    expect(chosen[0]).toMatchObject({ in: 'fp32', alone: expect.any(Number), cost: expect.any(Number) })
    const [, list] = found.stdout.split('the best set, which was NOT confirmed\n')
    const rows = list!.split('\n').filter(line => / FP32 +[\d.]+ % /.test(line))
    const heads = chosen.map(({ nodes: [head] }: { nodes: string[] }) => `#${head}`)
    expect(rows.map(line => line.trim().split(' ')[0])).toEqual(heads)

    // and so is what was asked for and is not there
    expect(found.stdout).toContain(
      '\nnot written: precision-plan.json: only FP32 as a whole passed\nfrontier: f.svg\n',
    )
    const what = ['precision-plan.json', 'mended.onnx', 'arguments of trtexec', 'arguments of ModelOpt']
    expect(unwritten).toEqual({ what, why: 'only FP32 as a whole passed' })
    expect(told.stderr).toContain(`not written: ${what.join(', ')}: only FP32 as a whole passed\n`)
    for (const file of what.slice(0, 2)) expect(existsSync(join(folder, file))).toBe(false)
  })

  test('Ctrl-C reaches the program too: that is told as stopped, and what was tried is kept', async () => {
    const folder = project('benign')
    // dies of the signal while it runs its third trial
    const slow = `import { appendFileSync, readFileSync as text } from 'node:fs'
appendFileSync('runs', '.')
if (text('runs', 'utf8').length === 3) await new Promise(done => setTimeout(done, 60_000))
`
    writeFileSync(join(folder, 'app.mjs'), slow + program)
    writeConfig(folder, {
      engines: { app: engine(['app.mjs', '{onnx}', '{input}', '{output:depth}']) },
      models: { net: { onnx: 'net.onnx', golden: 'golden', engines: ['app'] } },
    })
    const args = ['mend', 'net', '--within', 'absRel=0.00002']
    const runs = join(folder, 'runs')
    const third = () => existsSync(runs) && readFileSync(runs).length === 3
    const { code, words } = await signalled(args, folder, third)
    expect(code, words).toBe(130)
    expect(words).toContain('the same command goes on from there')
    expect(words).not.toContain('was ended by')
    expect(temporaries(folder)).toEqual([])
    const again = await depthgate(args, folder)
    expect(again.stdout, again.stderr).toContain('2 known from before')
  })

  test('SIGTERM to depthgate alone ends the program too, and nothing of its work is left', async () => {
    const folder = project('benign')
    const endless = `import { renameSync, writeFileSync } from 'node:fs'
writeFileSync('part', String(process.pid))
renameSync('part', 'running')
await new Promise(done => setTimeout(done, 60_000))
`
    writeFileSync(join(folder, 'app.mjs'), endless)
    writeConfig(folder, {
      engines: { app: engine(['app.mjs', '{onnx}', '{input}', '{output:depth}']) },
      models: { net: { onnx: 'net.onnx', golden: 'golden', engines: ['app'] } },
    })
    const running = join(folder, 'running')
    const stopped = await signalled(['gate'], folder, () => existsSync(running), 'SIGTERM', true)
    expect(stopped.code, stopped.words).toBe(143)
    const program = Number(readFileSync(running, 'utf8'))
    while (isRunning(program)) await setTimeout(20)
    expect(temporaries(folder)).toEqual([])
  })

  test.each(['mend', 'explain'])(
    '%s: a build on TensorRT is shown, and Ctrl-C ends it at once',
    async verb => {
      const folder = project('benign')
      // answers as the worker does, and builds for ten minutes
      const python = join(folder, 'python')
      const worker = `#!/usr/bin/env python3
import os, sys, time
sys.path.insert(0, ${JSON.stringify(join(repo, 'src/engines/worker'))})
from depthgate_worker import server

def hello(request, arrays, progress):
    facts = {"gpu": "GPU", "computeCapability": "9.0", "cuda": "12.6", "memory": 1, "tensorrt": "10.6.0"}
    return {**facts, "python": "3", "driver": None, "weakTyping": True}

def build(request, arrays, progress):
    with open("building.part", "w") as file:
        file.write(str(os.getpid()))
    os.rename("building.part", "building")
    time.sleep(600)

server.serve({"hello": hello, "build": build})
`
      writeFileSync(python, worker, { mode: 0o755 })
      writeConfig(folder, {
        engines: { trt: { engine: 'tensorrt', python } },
        models: { net: { onnx: 'net.onnx', golden: 'golden', engines: ['trt'] } },
      })
      const building = join(folder, 'building')
      const { code, words } = await signalled([verb, 'net', '--trials', '12'], folder, () =>
        existsSync(building),
      )
      expect(code, words).toBe(130)
      expect(words).toMatch(/^TensorRT: building net-0\.onnx at fp16: starting TensorRT, \d+ s$/m)
      expect(words).toContain('the same command goes on from there')
      const builder = Number(readFileSync(building, 'utf8'))
      while (isRunning(builder)) await setTimeout(20)
      // what was tried on the guide
      const [kept, ...rest] = readdirSync(join(folder, '.depthgate/mend'))
      expect(readFileSync(join(folder, '.depthgate/mend', kept!), 'utf8')).toContain('"trial":')
      expect(rest).toEqual([])
    },
  )

  test.each(['mend', 'explain'])(
    '%s: an engine that is not there is told before anything is tried',
    async verb => {
      const folder = project('benign')
      writeConfig(folder, {
        engines: { trt: { engine: 'tensorrt', python: 'no-such-python' } },
        models: { net: { onnx: 'net.onnx', golden: 'golden' } },
      })
      const refused = await depthgate([verb, 'net', '--engine', 'trt'], folder)
      expect(refused.code).toBe(2)
      expect(refused.stderr).toMatch(/engine trt: .*no-such-python/)
      expect(existsSync(join(folder, '.depthgate/mend'))).toBe(false)
    },
  )

  test('a program that brings its own network is refused', async () => {
    const folder = project('benign')
    writeConfig(folder, {
      engines: { app: engine(['app.mjs', '{input}', '{output:depth}']) },
      models: { net: { onnx: 'net.onnx', golden: 'golden', engines: ['app'] } },
    })
    const refused = await depthgate(['mend', 'net'], folder)
    expect(refused.stderr).toMatch(/--engine app: brings its own network, and mend must give it others/)
  })

  test.each([
    [
      'mend',
      ['--engine', 'cpu', '--guide', 'app'],
      /--guide app: brings its own network, and mend must give it/,
    ],
    [
      'explain',
      ['--engine', 'trt', '--guide', 'app'],
      /--guide app: brings its own network, and explain must/,
    ],
    [
      'mend',
      ['--engine', 'trt', '--guide', 'other'],
      /--guide other: is TensorRT, on which every trial is a/,
    ],
    ['explain', ['--engine', 'cpu', '--guide', 'wide'], /--guide wide: cpu is quick enough to need no guide/],
    ['mend', ['--engine', 'trt', '--guide', 'wid'], /not run on an engine "wid"; did you mean "wide"/],
    ['explain', ['--trials', '0'], /--trials 0: give a whole number from 1/],
    ['explain', ['--trials', 'many'], /--trials many: is not a number/],
    ['mend', ['--trials', '0'], /--trials 0: give a whole number from 10/],
    ['mend', ['--trials', '9'], /--trials 9: give a whole number from 10/],
  ] as const)('%s %j is refused', async (verb, args, says) => {
    const folder = project('benign')
    writeConfig(folder, {
      engines: {
        cpu: { engine: 'onnxruntime' },
        wide: { engine: 'onnxruntime' },
        trt: { engine: 'tensorrt' },
        other: { engine: 'tensorrt' },
        app: engine(['app.mjs', '{input}', '{output:depth}']),
      },
      models: {
        net: { onnx: 'net.onnx', golden: 'golden', engines: ['cpu', 'wide', 'trt', 'other', 'app'] },
      },
    })
    const refused = await depthgate([verb, 'net', ...args], folder)
    expect(refused.code).toBe(2)
    expect(refused.stderr).toMatch(says)
    expect(existsSync(join(folder, '.depthgate'))).toBe(false)
  })
})

describe('explain', () => {
  test('tells the nodes in 80 columns, as JSON and as a page', async () => {
    const folder = project('layernorm-overflow')
    const told = await depthgate(['explain', 'net', '--html', 'page.html'], folder)
    expect(told.code, told.stderr).toBe(0)
    expect(told.stdout).toContain('overflow first at #7 Pow norm')
    isNarrow(told)
    const page = readFileSync(join(folder, 'page.html'), 'utf8')
    expect(page).toContain('<title>net at fp16: where it loses</title>')
    expect(page).not.toMatch(/(src|href)=/)
    const { units, low, trials } = JSON.parse((await depthgate(['explain', 'net', '--json'], folder)).stdout)
    expect(units.slice(0, 4).map(({ operator }: { operator: string }) => operator)).toContain('Pow')
    expect(low.used).toBeGreaterThan(1)
    expect(trials.run).toBe(0)
  })

  test('nodes in bodies of If stay FP32, which both say; of a network without any, nothing', async () => {
    const folder = project('layernorm-overflow')
    expect((await depthgate(['explain', 'net'], folder)).stdout).not.toContain('stay FP32')
    const onnx = join(folder, 'net.onnx')
    const model = readModel(onnx)
    const graph = model.graph!
    const at = graph.node.findIndex(({ name }) => name === '/head/Mul')
    const [inside] = graph.node.splice(at, 1)
    const [result] = inside!.output
    const body = (output: string) =>
      graphOf({ nodes: [nodeOf('Mul', [...inside!.input], [output])], outputs: [{ name: output }] })
    graph.node.splice(
      at,
      0,
      nodeOf('Constant', [], ['one'], {
        value: { tensor: { dims: [], values: [1], type: TensorProto_DataType.INT64 } },
      }),
      nodeOf('Cast', ['one'], ['yes'], { to: TensorProto_DataType.BOOL }),
      nodeOf(
        'If',
        ['yes'],
        [result!],
        { then_branch: body('then'), else_branch: body('else') },
        { name: '/head/If' },
      ),
    )
    writeFileSync(onnx, Buffer.concat(encodeModel(model)))

    const told = await depthgate(['explain', 'net', '--html', 'page.html'], folder)
    expect(told.stdout, told.stderr).toContain('\n2 nodes stay FP32 inside If /head/If\n')
    expect(readFileSync(join(folder, 'page.html'), 'utf8')).toContain('2 nodes stay FP32 inside If /head/If')
    const mended = await depthgate(['mend', 'net', '--trtexec'], folder)
    expect(mended.stdout, mended.stderr).toContain('\n2 nodes stay FP32 inside If /head/If\n')
    expect(mended.stderr).toBe(
      'note: 2 nodes stay FP32 inside If /head/If, which --trtexec cannot tell by name\n',
    )
    const { inBodies } = JSON.parse((await depthgate(['mend', 'net', '--json'], folder)).stdout)
    expect(inBodies).toEqual([
      {
        nodes: [`${at + 2}/then_branch/0`, `${at + 2}/else_branch/0`],
        ...{ label: '/head/If', module: 'head', operator: 'If' },
      },
    ])
  })

  test('--nodes looks at a part: at its tensors, and at what its units cost', async () => {
    const folder = project('layernorm-overflow')
    const explained = async (...args: string[]) =>
      JSON.parse((await depthgate(['explain', 'net', '--json', ...args], folder)).stdout)
    const whole = await explained()
    const part = await explained('--nodes', '^norm$')
    const inside = ({ module }: { module?: string }) => module === 'norm'
    // magnitudes are told of the worst of what is looked at
    const figures = (nodes: NodeError[]) => nodes.map(({ magnitudes: _, ...node }) => node)
    expect(figures(part.nodes)).toEqual(figures(whole.nodes.filter(inside)))
    expect(part.nodes.length).toBeLessThan(whole.nodes.length)
    expect(part.units.every(inside)).toBe(true)
    // each unit alone is the same trial, known from before
    const alone = (units: { sharedBy: number }[]) => units.filter(({ sharedBy }) => sharedBy === 1)
    for (const unit of alone(part.units)) expect(whole.units).toContainEqual(unit)
    expect(alone(part.units).length).toBeGreaterThan(3)
    const counts = `${whole.nodes.length} nodes in fp16, ${part.nodes.length} of them looked at\n`
    expect((await depthgate(['explain', 'net', '--nodes', '^norm$'], folder)).stdout).toContain(counts)
    const refused = (pattern: string) => depthgate(['explain', 'net', '--nodes', pattern], folder)
    expect((await refused('nowhere')).stderr).toMatch(
      /--nodes nowhere: of net\.onnx no node in the format has such a module or name\. There are /,
    )
    expect((await refused('(')).stderr).toMatch(/--nodes \(: is no regular expression/)
  })

  test('a scene that overflows while another does not is named', async () => {
    const folder = project('attention-logits', { golden: 'golden/net' })
    cpSync(join(repo, 'fixtures/networks/attention-logits/golden'), join(folder, 'golden/net'), {
      recursive: true,
    })
    // scores a little below what fp16 holds: what the picture adds decides
    const onnx = join(folder, 'net.onnx')
    const model = readModel(onnx)
    const position = model.graph!.initializer.find(({ name }) => name === 'position')!
    const weaker = new Float32Array(position.rawData.slice().buffer).map(value => value * 0.9045)
    position.rawData = new Uint8Array(weaker.buffer)
    writeFileSync(onnx, Buffer.concat(encodeModel(model)))
    const slopes = parseNpy(readFileSync(join(folder, 'golden/net/slopes/input.npy')), 'input.npy')
    const dark = (slopes.data as Float32Array).map(value => value / 100)
    const { depth } = await runModel(model, { image: dark })
    writeFileSync(join(folder, 'dark.npy'), encodeNpy(ndarray(dark, slopes.shape)))
    const map = ndarray(Float32Array.from(depth!.data as Float32Array), depth!.dims.slice(1) as number[])
    writeFileSync(join(folder, 'depth.npy'), encodeNpy(map))
    const imported = await depthgate(
      [
        'import',
        'net/dark',
        '--input',
        'dark.npy',
        '--depth',
        'depth.npy',
        '--unit',
        'm',
        '--source',
        'test',
      ],
      folder,
    )
    expect(imported.stderr).toBe('')

    const told = await depthgate(['explain', 'net'], folder)
    expect(told.stdout).toContain('not finite in fp16 on slopes, finite on the other')
    const mended = await depthgate(['mend', 'net'], folder)
    expect(mended.code, mended.stderr).toBe(0)
    expect(mended.stdout).toMatch(/#6 +MatMul/)
  })
})
