import { DepthgateError, messageOf } from '../base/errors.ts'
import { writeWhole } from '../base/files.ts'
import { honestJson } from '../base/json.ts'
import { didYouMean } from '../base/names.ts'
import { asDepthMap, type DepthMap, formatShape } from '../depth/depth-map.ts'
import { readNpy } from '../depth/npy.ts'
import { encodeImage, readImage } from '../depth/png.ts'
import { type Precision, precisions } from '../engines/engine.ts'
import { type Comparison, judge } from '../gate/judge.ts'
import { resemblanceOf, resemblanceText } from '../gate/resemblance.ts'
import { limitNames, toleranceFor } from '../gate/tolerance.ts'
import type { MapVerdict } from '../gate/verdict.ts'
import type { Resemblance } from '../metrics/index.ts'
import { countsText, fail, metricsTable, pass, worstText } from '../report/phrase.ts'
import { comparisonPicture } from '../report/picture.ts'
import { type Command, numberOf, parse, toleranceOf } from './command.ts'
import { given, refuseSource } from './output.ts'

const options = {
  min: { type: 'string' },
  max: { type: 'string' },
  mask: { type: 'string' },
  precision: { type: 'string', default: 'fp32' },
  tolerance: { type: 'string', multiple: true, default: [] as string[] },
  picture: { type: 'string' },
  json: { type: 'boolean', default: false },
} as const

/** `absRel=0.02` alone: a limit, where a file name of that form would be a strange one. */
const isLimit = (text: string) => limitNames.some(name => text.startsWith(`${name}=`))

/** Compares two depth maps of one shape. */
export const compare: Command = {
  summary: 'compare two depth maps (.npy) of one shape',
  help: `depthgate compare ACTUAL.npy GOLDEN.npy [options]

  --min N, --max N        count golden pixels from N to N, both inclusive; by default every finite one above 0
  --mask FILE.png         count only pixels that are not black there
  --precision P           whose default limits hold: ${precisions.join(', ')} (fp32)
  --tolerance NAME=LIMIT  another limit; may be given several times. rmse, mae and maxAbs also take a percentage of
                          the golden's mean (rmse=0.5%); NAME=off removes a limit
  --picture FILE.png      write golden, actual and error side by side
  --json                  print { "pass", "metrics", "worst", … } instead of a table

Exit code: 0 within the limits, 1 not, 2 the maps cannot be compared.

  depthgate compare engine.npy golden.npy --min 0.1 --max 80 --tolerance absRel=0.02 --tolerance rmse=1%
`,
  async run(args) {
    const { values, positionals } = parse('compare', args, options)
    return compareFiles(values, positionals)
  },
}

function compareFiles(
  values: ReturnType<typeof parse<typeof options>>['values'],
  positionals: string[],
): number {
  // `--tolerance a=1 b=2` reads naturally, so pairs that stand alone count as tolerances
  const paths = positionals.filter(text => !isLimit(text))
  const [actualPath, goldenPath] = paths
  if (actualPath === undefined || goldenPath === undefined || paths.length > 2)
    throw new DepthgateError(
      'usage',
      `depthgate compare takes two files, ACTUAL.npy GOLDEN.npy, got ${paths.length}. See: depthgate compare --help`,
    )
  const tolerance = toleranceOf([...values.tolerance, ...positionals.filter(text => isLimit(text))])
  const range = {
    ...(values.min !== undefined && { min: numberOf('--min', values.min) }),
    ...(values.max !== undefined && { max: numberOf('--max', values.max) }),
  }
  if (!precisions.includes(values.precision as Precision))
    throw new DepthgateError(
      'usage',
      `--precision ${values.precision}: is unknown${didYouMean(values.precision, precisions)}`,
    )

  if (values.picture !== undefined)
    refuseSource(
      [given('is what is compared', actualPath, goldenPath), given('is the mask', values.mask)],
      '--picture',
      values.picture,
    )

  const [actual, golden] = readPair(actualPath, goldenPath)
  const comparison: Comparison = {
    output: actualPath,
    kind: 'relative-depth',
    golden,
    actual,
    tolerance: toleranceFor('relative-depth', values.precision as Precision, tolerance),
    range,
    ...(values.mask !== undefined && { mask: readMask(values.mask, golden.shape) }),
  }
  const verdict = judge(comparison)
  if (verdict.type !== 'map')
    throw new DepthgateError(
      'compare',
      `${actualPath} and ${goldenPath} cannot be compared: ${verdict.reason}`,
    )
  const mistake = verdict.pass ? undefined : resemblanceOf(comparison)
  console.log(values.json ? jsonText(verdict, mistake) : text(verdict, mistake, actualPath, goldenPath))
  if (values.picture !== undefined)
    writePicture(
      values.picture,
      comparisonPicture(`${actualPath} against ${goldenPath}`, golden, actual, verdict),
    )
  return verdict.pass ? 0 : 1
}

/** After the verdict is told; a picture that cannot be written does not change it. */
function writePicture(path: string, picture: ReturnType<typeof comparisonPicture>): void {
  try {
    writeWhole(path, encodeImage(picture))
  } catch (thrown) {
    console.error(`note: ${messageOf(thrown)}`)
  }
}

/** Both maps; leading axes of length 1 go, and where only one file is a batch the shapes are told as they are. */
function readPair(actualPath: string, goldenPath: string): [actual: DepthMap, golden: DepthMap] {
  const [actual, golden] = [readNpy(actualPath), readNpy(goldenPath)]
  const map = asDepthMap(golden, goldenPath)
  return [
    actual.shape.length > 2 && Math.max(...actual.shape.slice(0, -2)) > 1
      ? (actual as DepthMap)
      : asDepthMap(actual, actualPath),
    map,
  ]
}

/** One byte a pixel: not 0 where the picture is not black. */
function readMask(path: string, shape: readonly number[]): Uint8Array {
  const image = readImage(path)
  const [height = 0, width = 0] = image.shape
  if (height !== shape[0] || width !== shape[1])
    throw new DepthgateError(
      'compare',
      `${path}: the mask is ${formatShape([height, width])}, the maps are ${formatShape(shape)}`,
    )
  return Uint8Array.from({ length: height * width }, (_, i) => {
    const [y, x] = [Math.floor(i / width), i % width]
    return image.get(y, x, 0) | image.get(y, x, 1) | image.get(y, x, 2)
  })
}

function jsonText(
  { pass, reason, metrics, worst, limits, counts }: MapVerdict,
  resemblance: Resemblance | undefined,
): string {
  return honestJson({ pass, reason, ...(resemblance && { resemblance }), metrics, worst, limits, counts })
}

function text(verdict: MapVerdict, mistake: Resemblance | undefined, actual: string, golden: string): string {
  return [
    `${verdict.pass ? pass() : fail()} ${actual} ${verdict.pass ? 'matches' : 'does not match'} ${golden}: ${verdict.reason}`,
    ...(mistake ? [`It is ${resemblanceText(mistake)}`] : []),
    '',
    ...metricsTable(verdict),
    '',
    ...worstText(verdict),
    countsText(verdict),
  ].join('\n')
}
