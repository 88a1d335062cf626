// Writes what run-on-host.sh left in its folders as a page for docs/: the machine, what passed, and the figures.
//   node test/gpu/page.mjs [--keep PAGE] FOLDER... > docs/tensorrt-h200.md
// FOLDER: results.tar.gz unpacked; later ones win. PAGE: what was measured on the same machine before and not again is taken from it.
import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { parseArgs } from 'node:util'

const { values, positionals: folders } = parseArgs({
  allowPositionals: true,
  options: { keep: { type: 'string' } },
})

/** The last folder's file of a name; the steps of several runs make one page. */
function text(file) {
  const found = folders.findLast(folder => existsSync(join(folder, file)))
  return found === undefined ? '' : readFileSync(join(found, file), 'utf8')
}
const lines = file => text(file).split('\n')
/** The rows of all folders; of rows with one key the last. */
function rows(file, keyOf = (_row, i) => i) {
  const all = folders.flatMap(folder => {
    const path = join(folder, 'figures', file)
    return existsSync(path) ? readFileSync(path, 'utf8').split('\n').flatMap(parsed) : []
  })
  return [...new Map(all.map((row, i) => [keyOf(row, i), row])).values()]
}
/** None of a line that was cut off. */
function parsed(line) {
  try {
    return [JSON.parse(line)]
  } catch {
    return []
  }
}
const figure = (value, digits = 3) =>
  typeof value === 'number'
    ? Math.abs(value) >= 1e-3 || value === 0
      ? String(Number(value.toPrecision(digits)))
      : value.toExponential(digits - 1)
    : 'not finite'
const cell = value =>
  String(value ?? '')
    .replaceAll('|', '\\|')
    .replaceAll('\n', ' ')
function table(head, body) {
  if (body.length === 0) return []
  return ['', `| ${head.join(' | ')} |`, `|${'---|'.repeat(head.length)}`].concat(
    body.map(row => `| ${row.map(cell).join(' | ')} |`),
  )
}
/** Paths of the host's temporary folders say nothing to a reader. */
const clean = said =>
  said
    .replaceAll(/\S*\/depthgate-test-\w+\//g, '')
    .replaceAll(/\S*\/(?=\.depthgate\/|models\/pocket\/)/g, '')
    .replaceAll(/-[0-9a-f]{32}(?=\.)/g, '')
const block = said => (said.trim() === '' ? [] : ['', '```', clean(said).trim(), '```'])

// ---- what ran ------------------------------------------------------------------------------------------------

/** The page that is kept: its head, with the machine and the steps, and its sections by their titles. */
const before = values.keep === undefined ? '' : readFileSync(values.keep, 'utf8')
const [headBefore = '', ...partsBefore] = before.trimEnd().split(/^## /m)
const sectionsBefore = new Map(
  partsBefore.map(part => {
    const [title, ...body] = part.trimEnd().split('\n')
    return [title, body]
  }),
)

const steps = new Map()
for (const folder of folders)
  for (const line of existsSync(join(folder, 'summary.txt'))
    ? readFileSync(join(folder, 'summary.txt'), 'utf8').split('\n')
    : []) {
    const [, name, code, seconds, date] = /^(\w+): exit code (\d+) after (\d+) s on (\S+)$/.exec(line) ?? []
    if (name) steps.set(name, { code, seconds, date })
  }

function passed(name) {
  const [, counts] = /^ *Tests +(.+) \(\d+\)$/m.exec(text(`${name}.log`)) ?? []
  return counts ?? ''
}

function stepTable() {
  const rowsBefore = headBefore.split('\n').filter(line => {
    const [, name] = /^\| (\w+) \|.* \d{4}-\d\d-\d\d \|$/.exec(line) ?? []
    return name && !steps.has(name)
  })
  const anew = [...steps].map(([name, { code, seconds, date }]) => [name, passed(name), code, seconds, date])
  const [blank, head, rule, ...more] = table(['step', 'tests', 'exit code', 'seconds', 'date'], anew)
  return [blank, head, rule, ...rowsBefore, ...more]
}

/** The list of tests and what the failing ones say. */
function tests(name) {
  const said = lines(`${name}.log`)
  const listed = said
    .filter(line => /^ +([✓×]|❯ \|gpu\|) /.test(line))
    .map(line => line.replace(/^ {5}/, '  '))
  const failures = said.filter(line => /^(AssertionError|DepthgateError|Error): /.test(line))
  return block([...listed, ...failures.map(line => line.slice(0, 400))].join('\n'))
}

// ---- figures -------------------------------------------------------------------------------------------------

function machine() {
  const facts = text('facts.log')
  // where the first steps were left out, what was timed knows where it ran
  const timed = text('bench.json')
    ? JSON.parse(text('bench.json')).groups.flatMap(({ rows: all }) => all)
    : []
  const print = (rows('precisions.jsonl').at(-1) ?? timed.find(row => row.fingerprint))?.fingerprint ?? {}
  const [, cuda] = /CUDA Version: (\S+)/.exec(facts) ?? []
  const [, torch] = /^(\d+\.\d+\.\d+\+\S+) /m.exec(facts) ?? []
  const [, ort] = /ONNX Runtime (\S+), provider cuda/.exec(facts) ?? []
  const [known] = /^\| {2}\| {2}\|\n(?:\|.*\n)+/m.exec(headBefore) ?? []
  if (known) {
    const [, gpu, driver] = /\| GPU \| ([^,]+),.*\n\| driver, CUDA \| (\S+),/.exec(known)
    for (const fact of [gpu, driver])
      if (!facts.includes(fact))
        throw new Error(`${values.keep} is of ${gpu}, driver ${driver}; this run is not`)
    return ['', known.trimEnd()]
  }
  return table(
    ['', ''],
    [
      ['GPU', `${print.device}, compute capability ${print.computeCapability}`],
      ['driver, CUDA', `${print.driver}, ${cuda}`],
      ['TensorRT', print.engineVersion],
      ['options', JSON.stringify(print.options ?? {})],
      ['PyTorch, ONNX Runtime, Node', [torch, ort, /^v\d\S+/m.exec(facts)?.[0]].join(', ')],
    ],
  )
}

function precisions() {
  const seen = rows('precisions.jsonl', row => `${row.precision} ${row.scene}`)
  return table(
    ['precision', 'scene', 'verdict', 'absRel', 'RMSE m', 'p99Rel', 'build s', 'plan MB', 'layers'],
    seen.map(row => [
      ...[row.precision, row.scene, row.pass ? 'pass' : row.reason],
      ...[row.absRel, row.rmse, row.p99Rel, row.buildSeconds, row.bytes / 1e6].map(value => figure(value)),
      row.layers,
    ]),
  )
}

const cornerName = ({ precision, fusion, sums }) =>
  `${precision} ${fusion === 'on' ? 'fused' : 'unfused'}${sums === 'fp32' ? ', sums in FP32' : ''}`

function attribution() {
  const found = rows('attribution.jsonl').at(-1)
  if (!found) return []
  return [
    ...table(
      ['corner', 'keeps 1e-5', 'absRel', 'added'],
      found.corners.map(corner => [
        ...[cornerName(corner), corner.pass ? 'yes' : 'no'],
        ...[figure(corner.error), figure(corner.added)],
      ]),
    ),
    '',
    `Cause named: **${found.cause}**. ${found.reason}`,
  ]
}

function timing() {
  return [
    ...table(
      [
        '',
        'depthgate ms',
        'PyTorch ms',
        'apart',
        'variation',
        'held',
        'host ms',
        'as called ms',
        'PyTorch unheld ms',
      ],
      rows('timing.jsonl', row => row.how)
        .filter(({ how }) => how)
        .map(({ ours, theirs, ...rest }) => ({ ...rest, ours: quickest(ours), theirs: quickest(theirs) }))
        .map(({ how, ours, theirs, apart }) => [
          ...[how, figure(ours.median, 4), figure(theirs.median, 4), `${(100 * apart).toFixed(2)} %`],
          ...[`${(100 * ours.variation).toFixed(2)} %`, ours.held ? 'yes' : 'no'],
          ...[figure(ours.host), figure(ours.called, 4), figure(theirs.unheld, 4)],
        ]),
    ),
    ...table(
      ['copies', 'none', 'in', 'out', 'both'],
      rows('transfers.jsonl', () => 0).map(row => [
        'median ms',
        ...['bare', 'into', 'out', 'both'].map(key => figure(row[key].median, 4)),
      ]),
    ),
  ]
}

function networks() {
  return table(
    ['network', 'run', 'expected', 'came out', 'absRel of the corners'],
    rows('networks.jsonl', ({ name, run: { precision, fusion, recipes } }) =>
      JSON.stringify([name, precision, fusion, recipes]),
    ).map(({ name, run, told }) => [
      name,
      `${run.precision}${run.fusion === 'off' ? ' unfused' : ''}${run.recipes ? ` ${JSON.stringify(run.recipes)}` : ''}`,
      run.pass ? 'passes' : run.cause,
      'pass' in told ? (told.pass ? 'passes' : told.cause) : `broken: ${clean(told.error ?? told.reason)}`,
      (told.corners ?? [])
        .map(corner => `${cornerName(corner)}: ${corner.problem ? 'not run' : figure(corner.error)}`)
        .join('; ') || clean(told.reason ?? ''),
    ]),
  )
}

const errors = () =>
  rows('errors.jsonl', said => clean(said)).flatMap(said => block(said.split('\n').slice(0, 6).join('\n')))
const sums = () =>
  table(
    ['', 'engine', 'verdict', 'absRel', 'RMSE m', 'build s', 'plan MB', 'built then'],
    rows('sums.jsonl').map(row => [
      ...[row.name, row.engine, row.pass ? 'pass' : 'fail', figure(row.absRel), figure(row.rmse)],
      ...[figure(row.buildSeconds), figure(row.bytes / 1e6), row.fresh ? 'yes' : 'no'],
    ]),
  )
const gateEnd = name => block(lines(`${name}.log`).slice(-25).join('\n'))
const weak = () =>
  table(
    ['precision', 'layers kept FP32', 'verdict', 'build s', 'plan MB'],
    rows('weak.jsonl', ({ precision, engine }) => `${precision} ${engine}`).map(row => [
      ...[row.precision, row.engine === 'kept' ? 'all' : 'none', row.pass ? 'pass' : row.reason],
      ...[figure(row.plan.buildSeconds), figure(row.plan.bytes / 1e6)],
    ]),
  )

/** A row for each precision and what it leaves to the rest, of all its scenes. */
function quantised() {
  const kindOf = ({ name, precision }) => `${precision}: ${name}`
  const all = rows('quantised.jsonl', row => `${kindOf(row)} ${row.scene}`)
  const kinds = [...new Set(all.map(kindOf))]
  return table(
    ['', 'scenes that pass', 'worst absRel', 'graph ms', 'plan MB', 'layers', 'build s'],
    kinds.map(kind => {
      const mine = all.filter(row => kindOf(row) === kind)
      const judged = mine.filter(({ scene }) => scene)
      const { bytes, layers, buildSeconds } = judged[0]
      return [
        ...[kind, `${judged.filter(({ pass }) => pass).length} of ${judged.length}`],
        figure(Math.max(...judged.map(({ absRel }) => absRel))),
        figure(mine.find(row => row.graphMilliseconds)?.graphMilliseconds),
        ...[figure(bytes / 1e6), layers, figure(buildSeconds)],
      ]
    }),
  )
}

function budget() {
  const [{ verdict } = {}] = rows('budget.jsonl').filter(row => row.verdict)
  return table(
    ['limit', 'allowed', 'measured', ''],
    (verdict?.findings ?? []).map(({ name, stated, value, type }) => [name, stated, figure(value, 4), type]),
  )
}

/** The points of the curve by latency, and what was found. */
function frontier() {
  const { curve = [], mended } = parsed(text('frontier.json'))[0] ?? {}
  const row = (name, { nodes, sums, cost, worst, latency }) => [
    ...[name, nodes, sums, `${figure(100 * cost)} %`, `${figure(100 * worst.used)} % of ${worst.limit}`],
    figure(latency),
  ]
  const points = curve.map((point, i) => row(`point ${i + 1} of ${curve.length}`, point))
  return [
    ...table(
      ['', 'nodes in FP32', 'summed in FP32', 'cost', 'most used limit', 'ms'],
      mended ? [...points, row('mended', mended)] : points,
    ),
    ...block(
      lines('frontier.log')
        .filter(line => /^(pocket |\d+ trials|builds?[ :])/.test(line))
        .join('\n'),
    ),
  ]
}

const ofPocket = name => name.startsWith('pocket')
const ofVits = name => name.startsWith('vit')

function mends(wanted) {
  const used = point => {
    const share = 100 * Number(point?.worst?.used)
    return Number.isNaN(share) ? '' : Number.isFinite(share) ? `${figure(share)} %` : '∞'
  }
  const latency = point => (point?.latency === undefined ? '' : figure(point.latency))
  return table(
    [
      'network',
      'came out',
      'all in fp16',
      'mended',
      'all in FP32',
      'nodes in FP32',
      'ms: fp16',
      'mended',
      'FP32',
      'builds',
      'seconds',
    ],
    rows('mend.jsonl', ({ name }) => name)
      .filter(({ name }) => wanted(name))
      .map(row => [
        ...[row.name, row.error ? `error: ${clean(row.error).slice(0, 200)}` : row.type],
        ...[used(row.low), used(row.mended), used(row.fp32)],
        row.mended ? `${row.mended.nodes}${row.mended.sums ? `, ${row.mended.sums} summed` : ''}` : '',
        ...[latency(row.low), latency(row.mended), latency(row.fp32)],
        row.confirmation ? `${row.confirmation.builds.sets} + ${row.confirmation.builds.ends}` : '',
        figure(row.seconds),
      ]),
  )
}

const sections = [
  ['Precisions against the goldens', 'precisions', precisions],
  ['Sums in TF32 kernels, and kept timings', 'sums', sums],
  ['Latency beside a separate loop of CUDA events', 'timing', timing],
  ['Attribution', 'fusion', attribution],
  ['Trap networks', 'networks', networks],
  ['int8 and fp8 with a rest', 'quantised', quantised],
  ['mend: trap networks', 'mend', () => mends(name => !ofPocket(name) && !ofVits(name))],
  ['mend: the bundled network', 'mendpocket', () => mends(ofPocket)],
  ['mend: its frontier, guided by another engine', 'frontier', frontier],
  ['explain: the bundled network', 'explain', () => block(rows('explain.txt').join('\n'))],
  ['mend: ViTs', 'mendvits', () => mends(ofVits)],
  ['A budget', 'budget', budget],
  ['Errors', 'errors', errors],
  ['Plans', 'plans', () => []],
  ['Weak typing', 'weak', weak],
  [
    "ONNX Runtime's GPU providers",
    'providers',
    () =>
      block(
        rows('providers.jsonl')
          .map(row => JSON.stringify(row))
          .join('\n'),
      ),
  ],
  ['`depthgate bench`', 'bench', () => ['', clean(text('bench.md')).trim()]],
  ['The gate', 'gate', () => gateEnd('gate')],
  ['What was accepted, and the gate after it', 'baselines', () => gateEnd('baselines')],
  ['Rebuilds', 'rebuilds', () => gateEnd('rebuilds')],
]

function section([title, step, figures]) {
  const lines = steps.has(step) ? [...figures(), ...tests(step)] : sectionsBefore.get(title)
  return lines ? ['', `## ${title}`, ...lines] : []
}

const page = [
  '# TensorRT on an H200: what ran',
  '',
  '`test/gpu/run-on-host.sh` on the bundled network and the trap networks; `test/gpu/page.mjs` wrote this page out of what it',
  'left.',
  ...machine(),
  ...stepTable(),
  ...sections.flatMap(section),
]
console.log(page.join('\n'))

/** Of several loads of one plan. */
function quickest(loads) {
  return [loads].flat().reduce((a, b) => (b.median < a.median ? b : a))
}
