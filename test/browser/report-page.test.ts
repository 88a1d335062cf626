import { readFileSync } from 'node:fs'
import { createServer } from 'node:http'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import axe from 'axe-core'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { JudgedRecord } from '../../src/gate/run-record.ts'
import { writeHtmlReport } from '../../src/report/html-report.ts'
import { chromiumPath, openBrowser, openPage } from '../helpers/chromium.ts'
import { temporaryFolder } from '../helpers/files.ts'
import { type SyntheticRun, syntheticRun } from '../helpers/synthetic-run.ts'

test.runIf(process.env.CI)('there is a Chromium to open reports with', () => {
  expect(chromiumPath, 'install chromium, or set DEPTHGATE_CHROMIUM').toBeDefined()
})
if (!chromiumPath) console.warn('no Chromium here: the HTML report was NOT tested in a browser')

const split = (page: Page) =>
  page.evaluate<string>("getComputedStyle(document.querySelector('.stage')).getPropertyValue('--split')")

/** Opens every case and waits until its pictures are there. */
async function openAll(page: Page): Promise<void> {
  await page.evaluate("document.querySelectorAll('details').forEach(details => { details.open = true })")
  await page.waitForFunction('[...document.images].every(image => image.src && image.complete)')
}
const shown = (page: Page) => page.locator('.case:not([hidden])').count()

describe.runIf(chromiumPath)('the HTML report in Chromium', () => {
  let browser: Browser
  let made: SyntheticRun
  let file: string

  beforeAll(async () => {
    const root = temporaryFolder()
    made = syntheticRun(root, { scenes: 3, size: 600, engines: ['cpu', 'cuda'] })
    const [first] = made.run.cases as JudgedRecord[]
    first!.baseline = {
      type: 'regressed',
      key: 'k',
      accepted: { by: 'Ada', date: '2026-11-01T00:00:00Z', reason: 'first <b>release</b>' },
      changes: [{ output: 'depth', metric: 'absRel', accepted: 1e-5, value: 2e-5, margin: 1e-6 }],
    }
    made.run.cases.push(
      {
        type: 'broken',
        model: 'made-up',
        scene: 'scene-009',
        precision: 'fp8',
        engine: 'trt',
        error: 'no\nengine',
      },
      {
        type: 'skipped',
        model: 'made-up',
        scene: 'scene-001',
        precision: 'fp8',
        engine: 'trt',
        reason: 'not here',
      },
    )
    file = join(root, 'report/index.html')
    writeHtmlReport(file, made)
    browser = await openBrowser()
  })
  afterAll(() => browser?.close())

  test('opens from disk without a word on the console and without a request', async () => {
    const { page, complaints } = await openPage(browser, file)
    await openAll(page)
    expect(await page.locator('img:not([src])').count()).toBe(0)
    expect(await page.evaluate('[...document.images].filter(image => image.naturalWidth === 0).length')).toBe(
      0,
    )
    expect(complaints).toEqual([])
  })

  test('a page that was tampered with still runs nothing and asks nothing', async () => {
    let asked = 0
    const server = createServer((_request, response) => {
      asked++
      response.end()
    })
    await new Promise<void>(done => server.listen(0, '127.0.0.1', done))
    const { port } = server.address() as AddressInfo
    const { page, complaints } = await openPage(browser, file)
    await page.evaluate(`(async () => {
      const image = document.createElement('img')
      const over = new Promise(done => image.addEventListener('error', done))
      image.src = 'http://127.0.0.1:${port}/'
      document.body.append(image)
      const script = document.createElement('script')
      script.textContent = 'document.title = "taken"'
      document.body.append(script)
      await fetch(image.src).catch(() => {})
      await over
    })()`)
    expect(await page.title()).toMatch(/^BROKEN/)
    expect(complaints.join()).toContain('Content Security Policy')
    expect(asked).toBe(0)
    server.close()
  })

  test('the first failure is open; the slider moves by key and by pointer', async () => {
    const { page } = await openPage(browser, file)
    expect(await page.locator('.case > details[open]').count()).toBe(1)
    expect(await split(page)).toBe('50%')
    const slider = page.locator('.slider').first()
    await slider.focus()
    await page.keyboard.press('ArrowRight')
    expect(await split(page)).toBe('51%')
    await page.keyboard.press('Home')
    expect(await split(page)).toBe('0%')
    const box = (await slider.boundingBox())!
    await page.mouse.click(box.x + box.width * 0.8, box.y + box.height / 2)
    expect(Number.parseFloat(await split(page))).toBeCloseTo(80, -0.5)
    const clip = await page.evaluate("getComputedStyle(document.querySelector('.left')).clipPath")
    expect(clip).toMatch(/^inset\(0px /)
  })

  test('a worst pixel is marked where it is, on every picture', async () => {
    const { page } = await openPage(browser, file)
    const output = page.locator('.case details[open] .output').first()
    const place = output.locator('.place').first()
    const [x = 0, y = 0] = (await place.textContent())!.match(/\d+/g)!.map(Number)
    await place.click()
    expect(await place.getAttribute('aria-pressed')).toBe('true')
    for (const marker of await output.locator('.marker').all()) {
      const at = (await marker.boundingBox())!
      const stage = (await marker.locator('..').boundingBox())!
      expect((at.x + at.width / 2 - stage.x) / stage.width).toBeCloseTo((x + 0.5) / 600, 2)
      expect((at.y + at.height / 2 - stage.y) / stage.height).toBeCloseTo((y + 0.5) / 600, 2)
    }
    await place.click()
    expect(await output.locator('.marker:visible').count()).toBe(0)
  })

  test('text, status, precision and engine filter the cases', async () => {
    const { page } = await openPage(browser, file)
    expect(await shown(page)).toBe(20)
    await page.getByLabel('Find').fill('scene-002 fp16')
    expect(await shown(page)).toBe(2)
    expect(await page.getByRole('status').textContent()).toBe('2 of 20 shown')
    await page.getByLabel('Find').fill('')
    await page.locator('#precision').selectOption('int8')
    await page.locator('#engine').selectOption('cuda')
    expect(await shown(page)).toBe(3)
    await page.locator('#precision').selectOption('')
    await page.locator('#engine').selectOption('')
    for (const status of ['pass', 'fail', 'skipped'])
      await page.locator(`[name=status][value=${status}]`).uncheck()
    expect(await shown(page)).toBe(1)
    await page.getByLabel('Find').fill('nothing has this name')
    expect(await page.getByText('No case matches the filter.').isVisible()).toBe(true)
  })

  test('a cell of the overview shows its cases, a link in it opens the worst one', async () => {
    const { page } = await openPage(browser, file)
    await page.getByRole('button', { name: 'Show fp16 on cuda only' }).click()
    expect(await shown(page)).toBe(3)
    const link = page.locator('.overview td a').first()
    await link.click()
    const id = (await link.getAttribute('href'))!.slice(1)
    await expect.poll(() => page.locator(`#${id}`).getAttribute('open')).toBe('')
    expect(await page.locator(`#${id}`).isVisible()).toBe(true)
  })

  test('colours follow the system until the button says otherwise', async () => {
    const { page } = await openPage(browser, file, { colorScheme: 'dark' })
    const ground = () => page.evaluate<string>('getComputedStyle(document.body).backgroundColor')
    const dark = await ground()
    await page.locator('#theme').click()
    const light = await ground()
    expect(light).not.toBe(dark)
    await page.locator('#theme').click()
    expect(await ground()).toBe(dark)
  })

  test('full-size pictures beside the page are linked and are there', async () => {
    const { page } = await openPage(browser, file)
    const links = await page.evaluate<string[]>(
      "[...document.querySelectorAll('.case details[open] figcaption a')].map(link => link.href)",
    )
    expect(links).toHaveLength(3)
    for (const link of links) {
      const bytes = readFileSync(new URL(link))
      expect(bytes.subarray(1, 4).toString()).toBe('PNG')
      expect(bytes.readUInt32BE(16)).toBe(600)
    }
  })

  test.each([
    ['light', { colorScheme: 'light' as const }],
    ['dark', { colorScheme: 'dark' as const }],
    ['phone', { viewport: { width: 390, height: 844 } }],
  ])('axe finds nothing to fault: %s', async (_name, options) => {
    const { page } = await openPage(browser, file, options)
    await openAll(page)
    await page.evaluate(axe.source)
    const faults = await page.evaluate<string[]>(`(async () => {
      const { violations } = await axe.run()
      const words = ({ html, failureSummary }) => html + ' ' + failureSummary
      return violations.map(({ id, nodes }) => id + ': ' + nodes.slice(0, 3).map(words).join(' | '))
    })()`)
    expect(faults).toEqual([])
  })

  test('a phone never scrolls sideways', async () => {
    const { page } = await openPage(browser, file, { viewport: { width: 360, height: 740 } })
    await openAll(page)
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360)
  })
})
