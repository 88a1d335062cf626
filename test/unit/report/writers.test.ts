import { mkdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { XmlDocument, XsdValidator } from 'libxml2-wasm'
import { describe, expect, test, vi } from 'vitest'
import { honestJson, withNumbers } from '../../../src/base/json.ts'
import { plain } from '../../../src/base/plain.ts'
import { readRun } from '../../../src/gate/run-store.ts'
import { annotations } from '../../../src/report/annotations.ts'
import { markup, oneLine, terminal } from '../../../src/report/escape.ts'
import { pageHtml } from '../../../src/report/html/page.ts'
import { junitXml } from '../../../src/report/junit.ts'
import { markdownSummary } from '../../../src/report/markdown.ts'
import { reportRequests, writeReports } from '../../../src/report/reports.ts'
import { headline } from '../../../src/report/words.ts'
import { errorOf } from '../../helpers/error-of.ts'
import { repo, temporaryFolder } from '../../helpers/files.ts'
import { hostile, hostileRun } from '../../helpers/hostile.ts'
import { runOf, syntheticRun } from '../../helpers/synthetic-run.ts'

const schema = XsdValidator.fromDoc(
  XmlDocument.fromBuffer(readFileSync(join(repo, 'test/reference/junit.xsd'))),
)
const validated = (xml: string) => {
  const document = XmlDocument.fromString(xml)
  schema.validate(document)
  return document
}
const attributes = (document: XmlDocument, path: string) =>
  document.find(path).map(node => ('value' in node ? String(node.value) : node.content))

const made = syntheticRun(temporaryFolder(), { scenes: 2, size: 64, engines: ['cpu', 'cuda'] })
const [failing] = made.run.cases.filter(record => record.type === 'judged' && !record.verdict.pass)

describe('hostile text', () => {
  // biome-ignore lint/suspicious/noControlCharactersInRegex: they must not be there
  const steering = /[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u202a-\u202e]/
  test('is plain afterwards', () => {
    expect(plain('a\u001b[1;31mred\u001b[0m\r\nb\tc\u001b]0;title\u0007\u202e\u0085')).toBe(
      'ared\nb\tc\ufffd\ufffd',
    )
    expect(oneLine(' a\n\n  b\tc ')).toBe('a b c')
    expect(markup('<a href="x">\'&\ud800')).toBe('&lt;a href=&quot;x&quot;&gt;&#39;&amp;\ufffd')
  })

  test('in a terminal keeps its colours only', () => {
    expect(terminal(`\u001b[31mred\u001b[39m ${hostile}\u001b[2J`)).toMatch(
      // biome-ignore lint/suspicious/noControlCharactersInRegex: the colours
      /^\u001b\[31mred\u001b\[39m <img[^\u0000-\u0008\u000b-\u001a\u001c-\u001f\u202e]*$/,
    )
    expect(terminal('a\u001b[2Jb\u001b]0;x\u0007c\u009bd')).toBe('abc\ufffdd')
  })

  test('in JSON is the same data without a character that steers', () => {
    expect(honestJson(hostileRun())).not.toMatch(steering)
    expect(withNumbers(JSON.parse(honestJson(hostileRun())))).toEqual(hostileRun())
  })

  test('in HTML is text', () => {
    const run = hostileRun()
    const views = run.cases.map((record, i) => ({ id: `case-${i}`, record, outputs: [] }))
    const page = pageHtml({ run, title: hostile, views, pictures: { [hostile]: hostile } })
    expect(page).not.toContain('<img src=x')
    expect(page).not.toMatch(steering)
    // the page's own two script elements and no third
    expect(page.match(/<\/script>/g)).toHaveLength(2)
    expect(page).toContain('&lt;img src=x onerror=alert(1)&gt;')
  })

  test('in XML is text: the file is valid, and its names are as they were', () => {
    const document = validated(junitXml(hostileRun(), '/project', '/project'))
    expect(attributes(document, '//testcase/@name')[0]).toContain('<img src=x onerror=alert(1)>')
    expect(document.find('//img')).toEqual([])
  })

  test('in Markdown makes no tag, no link, no cell and no end of a block', () => {
    const text = markdownSummary(hostileRun())
    const outside = text.replaceAll(/^(`{3,})text\n[\s\S]*?\n\1$/gm, '')
    expect(outside).not.toMatch(/<img|\]\(|\*\*\[|<\/script>/)
    expect(text).not.toMatch(steering)
    const rows = text.split('\n').filter(line => line.startsWith('| **fp16**'))
    expect(rows).toHaveLength(1)
    expect(rows[0]!.match(/\|/g)).toHaveLength(3)
  })

  test('in a workflow command stays in its place', () => {
    const lines = annotations(hostileRun(), undefined, '/project')
    for (const line of lines) {
      expect(line).not.toMatch(/[\n\r]/)
      expect(line).not.toMatch(steering)
      expect(line).toMatch(/^::error (file=[^,:]*,line=\d+,)?title=[^,:]*::/)
    }
    expect(lines).toHaveLength(5)
  })
})

describe('the HTML page', () => {
  test('leaves the distribution of errors out where it is not over the pixels that were judged', () => {
    const page = (compared: (pixels: number) => number) => {
      const source = { ...made, run: structuredClone(made.run) }
      for (const record of source.run.cases)
        if (record.type === 'judged' && record.verdict.outputs[0]?.type === 'map') {
          const { counts } = record.verdict.outputs[0]
          counts.compared = compared(counts.compared)
        }
      const file = join(temporaryFolder(), 'page.html')
      writeReports(source, [{ format: 'html', path: file }], {})
      return readFileSync(file, 'utf8')
    }
    const left =
      'are not known, because of a mask, of another golden, or of a run that an older depthgate saved'
    expect(page(pixels => pixels)).not.toContain(left)
    // under a mask fewer count
    const masked = page(pixels => pixels - 10)
    expect(masked).toContain(left)
    expect(masked).not.toContain('pixels half are off')
    expect(masked).toContain('class="slider"')
  })
})

describe('JUnit', () => {
  const document = validated(junitXml(made.run, made.config.root, made.config.root))
  test('has a suite a variant, a test a scene, metrics and limits as properties', () => {
    expect(attributes(document, '//testsuite/@name')).toContain('made-up fp16 on cuda')
    expect(document.find('//testcase')).toHaveLength(made.run.cases.length)
    const properties = attributes(document, '(//testcase)[1]/properties/property/@name')
    expect(properties).toEqual(
      expect.arrayContaining(['depth.absRel', 'depth.absRel.limit', 'depth.edgeF1', 'fingerprint.onnx']),
    )
  })
  test('a failure tells the whole verdict without colours', () => {
    const [text] = document.find('//failure').map(node => node.content)
    expect(text).toMatch(/made-up\/scene-002 at int8 does not match its golden/)
    expect(text).toMatch(/cause: number format/)
    expect(document.find('//failure')).toHaveLength(2)
    expect(attributes(document, '/testsuites/@failures')).toEqual(['2'])
  })
  test('a picture is an attachment on its own line, relative to the project', () => {
    const run = structuredClone(made.run)
    Object.assign(run.cases[0]!, { pictures: { depth: '.depthgate/failures/x/depth.png' } })
    const out = validated(junitXml(run, '/project/sub', '/project')).find('//system-out')[0]!.content
    expect(out.split('\n')).toContain('[[ATTACHMENT|sub/.depthgate/failures/x/depth.png]]')
  })
  test('of a run without cases is valid', () => {
    expect(() => validated(junitXml(runOf([]), '/', '/'))).not.toThrow()
  })
})

describe('Markdown', () => {
  test('has the matrix, and each failure in a block of its own', () => {
    const text = markdownSummary(made.run)
    expect(text).toMatch(/^## FAIL: 2 of 12 cases fail$/m)
    expect(text).toMatch(/^\| \*\*int8\*\* \| 1 fail, 1 pass<br>worst: made-up\/scene-002, depth .*$/m)
    expect(text.match(/<details>/g)).toHaveLength(2)
  })
  test('never gets longer than it may, and says what is left out', () => {
    const run = runOf(Array.from({ length: 400 }, () => failing!))
    const text = markdownSummary(run, 100_000)
    expect(Buffer.byteLength(text)).toBeLessThan(100_000)
    expect(Buffer.byteLength(text)).toBeGreaterThan(80_000)
    const told = Number(/… and (\d+) more/.exec(text)![1])
    expect(told + text.match(/<details>/g)!.length).toBe(400)
  })
})

describe('annotations', () => {
  test('stand where the config names the model', () => {
    const folder = temporaryFolder()
    const file = join(folder, 'depthgate.config.ts')
    writeFileSync(file, "export default {\n  models: {\n    'made-up': { onnx: 'x' },\n  },\n}\n")
    const [line] = annotations(made.run, file, folder)
    expect(line).toMatch(
      /^::error file=depthgate\.config\.ts,line=3,title=depthgate made-up\/scene-002 int8 on c/,
    )
    expect(line).toContain('%0Acause: number format')
  })
  test('stand on the line of the test where one judged', () => {
    const record = {
      ...failing!,
      test: { name: 't', file: 'test/depth.test.ts', line: 12 },
    } as typeof failing
    const [line] = annotations(runOf([record!]), '/project/sub/depthgate.config.ts', '/project')
    expect(line).toMatch(/^::error file=sub\/test\/depth\.test\.ts,line=12,/)
  })
  test('are as many as GitHub shows, and tell of the rest', () => {
    const lines = annotations(runOf(Array.from({ length: 14 }, () => failing!)), undefined, '/')
    expect(lines).toHaveLength(10)
    expect(lines.at(-1)).toContain('5 more failures')
  })
})

describe('what is asked for', () => {
  test('is the page alone by default, nothing with none, and on GitHub annotations as well', () => {
    expect(reportRequests(undefined, {})).toEqual([{ format: 'html' }])
    expect(reportRequests(['none'], { GITHUB_ACTIONS: 'true' })).toEqual([])
    expect(reportRequests(['junit=a=b.xml'], { GITHUB_ACTIONS: 'true' })).toEqual([
      { format: 'junit', path: 'a=b.xml' },
      { format: 'github' },
    ])
  })
  test.each([
    ['jnuit=x', 'did you mean "junit"?'],
    ['html=', 'the path is empty'],
    ['github=x', 'annotations go to the log'],
    ['constructor', 'is unknown'],
  ])('%s is refused', (value, words) => {
    expect(errorOf(() => reportRequests([value], {})).message).toContain(words)
  })

  test('is written; JSON is a run that can be read again', () => {
    const folder = temporaryFolder()
    const summary = join(folder, 'summary.md')
    writeFileSync(summary, 'from another step\n')
    const written = writeReports(
      made,
      [
        { format: 'html', path: join(folder, 'page.html') },
        { format: 'json', path: join(folder, 'run.json') },
        { format: 'junit', path: join(folder, 'junit.xml') },
        { format: 'markdown', path: join(folder, 'summary-2.md') },
        { format: 'github' },
      ],
      { GITHUB_STEP_SUMMARY: summary },
    )
    expect(written).toMatchObject({
      problems: [],
      commands: [expect.stringContaining('::error '), expect.anything()],
    })
    expect(written.paths).toHaveLength(4)
    expect(readRun(join(folder, 'run.json')).run).toEqual(made.run)
    expect(readFileSync(summary, 'utf8')).toMatch(/^from another step\n\n## FAIL/)
    // small maps are in the page with every pixel
    expect(readFileSync(join(folder, 'page.html'), 'utf8')).not.toContain('full size')
  })

  test('and cannot be written is told, and the rest is written', () => {
    const folder = temporaryFolder()
    mkdirSync(join(folder, 'taken'))
    const { paths, problems } = writeReports(
      made,
      [
        { format: 'json', path: join(folder, 'taken') },
        { format: 'junit', path: join(folder, 'junit.xml') },
      ],
      {},
    )
    expect(problems).toEqual([expect.stringContaining('taken: cannot be written')])
    expect(paths).toEqual([join(folder, 'junit.xml')])
  })

  test('goes below the config unless a path says otherwise', () => {
    vi.spyOn(process, 'cwd').mockReturnValue('/')
    try {
      expect(writeReports(made, [{ format: 'junit' }], {}).paths).toEqual([
        join(made.config.root, '.depthgate/report/junit.xml'),
      ])
    } finally {
      vi.restoreAllMocks()
    }
  })
})

describe('a run without its project, or without its maps', () => {
  test('is reported without pictures, and says why', () => {
    const path = join(temporaryFolder(), 'page.html')
    writeReports({ run: made.run, folder: made.folder }, [{ format: 'html', path }], {})
    expect(readFileSync(path, 'utf8')).toContain('No pictures: no config was found that names the golden')
    const bare = structuredClone(made.run)
    for (const record of bare.cases) if (record.type === 'judged') delete record.outputs
    writeReports({ run: bare, folder: made.folder, config: made.config }, [{ format: 'html', path }], {})
    expect(readFileSync(path, 'utf8')).toContain('No pictures: the run saved no map of this output')
  })
})

test.each([
  [runOf([]), 'BROKEN', 'Nothing was compared'],
  [runOf([made.run.cases[0]!]), 'PASS', 'The case passes'],
  [runOf([failing!]), 'FAIL', '1 of 1 case fails'],
  [
    runOf([made.run.cases[0]!], { broken: [{ model: 'm', error: 'e' }] }),
    'BROKEN',
    '1 could not be compared',
  ],
])('a run in a few words: %#', (run, word, text) => {
  expect(headline(run)).toMatchObject({ word, text })
})
