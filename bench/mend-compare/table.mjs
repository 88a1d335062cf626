// Writes the tables of docs/mend-compare.md.
//   node table.mjs RESULTS.json … [--write docs/mend-compare.md]
// Results of several calls are put together, of one method on one network those of the last; without --write the tables are printed.
import { readFileSync, writeFileSync } from 'node:fs'
import { parseArgs } from 'node:util'

const { values, positionals } = parseArgs({ options: { write: { type: 'string' } }, allowPositionals: true })
const all = positionals.map(file => JSON.parse(readFileSync(file, 'utf8')))
const rows = [
  ...new Map(all.flatMap(({ rows }) => rows).map(row => [`${row.network} ${row.method}`, row])).values(),
]
const tolerances = Object.assign({}, ...all.map(result => result.tolerances))
const order = [
  'plain FP16',
  'FP32 sums',
  'FP32 sums, TF32 kernels allowed',
  'AutoCast',
  'AutoCast, without its ranges',
  'auto mixed precision',
  'Polygraphy',
  'mend',
  'FP32 throughout, TF32 kernels allowed',
  'FP32 throughout',
]
const names = [...new Set(rows.map(({ network }) => network))]
const first = ['pocket', 'vit12', 'depth_pro']
names.sort((a, b) => (first.indexOf(a) + 1 || 9) - (first.indexOf(b) + 1 || 9) || a.localeCompare(b))

/** As far as two measurements of one engine lie apart. */
const noise = 1.025
const latency = row => row.graph?.median ?? row.plain?.median

const text = [machine(), ...names.map(section), summary()].join('\n\n')
if (values.write === undefined) console.log(text)
else {
  const page = readFileSync(values.write, 'utf8')
  const [head, tail] = [page.indexOf('<!-- table -->'), page.indexOf('<!-- /table -->')]
  writeFileSync(values.write, `${page.slice(0, head)}<!-- table -->\n${text}\n${page.slice(tail)}`)
}

function machine() {
  const engines = [
    ...new Set(
      all.flatMap(({ engine, level, tf32 }) =>
        engine
          ? [
              `TensorRT ${engine.engineVersion} at optimisation level ${level} on ${engine.device}, driver ${engine.driver}, TF32 ${tf32 ? 'allowed' : 'off'}`,
            ]
          : [],
      ),
    ),
  ]
  return `${engines.join('; ')}.`
}

function section(name) {
  const here = rows.filter(({ network }) => network === name)
  const lines = order.flatMap(method => here.filter(row => row.method === method)).map(line)
  const head = [
    '',
    'nodes in FP32',
    'keeps the limits',
    'RMSE',
    'AbsRel',
    'ms',
    'ms as a graph',
    'builds',
    'minutes',
    'measured',
    '',
  ]
  const limits = Object.entries(tolerances[name] ?? {}).filter(
    ([limit]) => limit === 'rmse' || limit === 'absRel',
  )
  const told = limits
    .map(([limit, value]) => `${limit} ${typeof value === 'number' ? figure(value) : value}`)
    .join(', ')
  const table = [head, head.map(() => '---'), ...lines].map(cells => `| ${cells.join(' | ')} |`)
  return [`### ${name}`, `Limits: ${told}.`, table.join('\n'), verdict(name, here)].join('\n\n')
}

function line({ method, nodes, failed, pass, rmse, absRel, plain, graph, builds, ...row }) {
  const { seconds, at, note, reason } = row
  const minutes = seconds === undefined ? '' : (seconds / 60).toFixed(2)
  const day = at?.slice(0, 10) ?? ''
  if (failed !== undefined)
    return [method, '', 'nothing to build', '', '', '', '', builds ?? '', minutes, day, cell(failed)]
  const told = [note, pass ? undefined : reason].filter(Boolean).join('; ')
  const errors = [figure(rmse), figure(absRel)]
  return [
    method,
    share(nodes),
    pass ? 'yes' : '**no**',
    ...errors,
    time(plain),
    time(graph),
    builds,
    minutes,
    day,
    cell(told),
  ]
}

function share(nodes) {
  if (!nodes) return ''
  if (nodes.layers) return `${nodes.layers.fp32} of ${nodes.layers.of} layers`
  const { fp32, fp16 } = nodes
  return `${fp32} of ${fp32 + fp16}`
}

function time(timing) {
  return timing?.median === undefined
    ? ''
    : `${timing.unstable?.length > 0 ? '~' : ''}${timing.median.toFixed(3)}`
}

/** NaN and infinity stand in the results as words. */
function figure(value) {
  const number = Number(value)
  return Number.isFinite(number) ? number.toExponential(2) : String(value)
}

/** Folders of the host say nothing to a reader, nor does what comes after a first long sentence. */
function cell(words) {
  const told = words
    .replace(/\/\S*\/(?=[^/\s]+\.onnx)/g, '')
    .replace(/\|/g, '\\|')
    .replace(/\s+/g, ' ')
  return told.length > 200 ? `${told.slice(0, 200)} …` : told
}

/** Where mend stands: among those that keep the limits by latency, among those that search by builds. */
function standing(here) {
  const mend = here.find(({ method }) => method === 'mend')
  if (!mend) return { type: 'missing' }
  if (mend.failed !== undefined || !mend.pass)
    return {
      type: 'none',
      words: mend.failed ?? 'does not keep the limits',
      others: here.filter(({ pass, method }) => pass && !method.startsWith('FP32 throughout')),
    }
  const others = here.filter(row => row !== mend && row.pass)
  const fastest = others.sort((a, b) => latency(a) - latency(b))[0]
  const searching = here.find(({ method }) => method === 'Polygraphy')
  return {
    type: 'found',
    ...{ fastest, ratio: fastest && latency(mend) / latency(fastest) },
    ...{
      builds: mend.builds,
      otherBuilds: searching?.pass ? searching.builds : undefined,
      noneFound: searching?.failed,
    },
  }
}

function verdict(name, here) {
  const { type, words, others, fastest, ratio, builds, otherBuilds, noneFound } = standing(here)
  if (type === 'missing') return `${name}: mend was not run.`
  if (type === 'none') {
    const passing = others.map(({ method }) => method).join(', ')
    return passing === ''
      ? `mend: ${words}. Nor does any other keep them.`
      : `**mend loses**: ${words}; ${passing} keep the limits.`
  }
  const speed = !fastest
    ? 'No other keeps the limits.'
    : ratio <= noise
      ? `Latency ${ratio.toFixed(2)} times that of ${fastest.method}, the fastest other that keeps the limits.`
      : `**mend loses in latency**: ${ratio.toFixed(2)} times that of ${fastest.method}.`
  const search =
    otherBuilds === undefined
      ? noneFound && ' Polygraphy finds none.'
      : builds < otherBuilds
        ? ` ${builds} ${builds === 1 ? 'build' : 'builds'}, Polygraphy ${otherBuilds}.`
        : ` **mend loses in builds**: ${builds}, Polygraphy ${otherBuilds}.`
  return speed + (search ?? '')
}

function summary() {
  const found = names.map(name => [name, standing(rows.filter(({ network }) => network === name))])
  const lost = (test, words) => {
    const where = found.filter(([, each]) => test(each)).map(([name]) => name)
    return `${words}: ${where.length === 0 ? 'nowhere' : where.join(', ')}.`
  }
  return [
    '### Where mend loses',
    [
      `- ${lost(({ type, others }) => type === 'none' && others.length > 0, 'It found nothing, and another did')}`,
      `- ${lost(({ ratio }) => ratio > noise, `Slower than another that keeps the limits, by more than ${((noise - 1) * 100).toFixed(1)} %`)}`,
      `- ${lost(({ builds, otherBuilds }) => builds >= otherBuilds, 'As many builds as Polygraphy, or more')}`,
    ].join('\n'),
  ].join('\n\n')
}
