import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import type { Browser, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Explanation } from '../../src/explain/explain.ts'
import type { NodeError } from '../../src/explain/node-errors.ts'
import { explainHtml } from '../../src/report/explain-html.ts'
import { chromiumPath, openBrowser, openPage } from '../helpers/chromium.ts'
import { temporaryFolder } from '../helpers/files.ts'

const error = (relative: number) => ({
  ...{ relative, largest: 1, overflowed: relative === Number.POSITIVE_INFINITY ? 3 : 0 },
  ...{ nan: 0, flushed: 0, values: 10 },
})
const node = (id: number, module: string | undefined, relative: number, label = `node_${id}`): NodeError => ({
  ...{ id: String(id), label, operator: id % 2 ? 'MatMul' : 'Add', tensor: `t${id}`, shape: [2, 5] },
  ...(module !== undefined && { module }),
  ...{ local: error(relative), accumulated: error(relative * 2) },
})
const worst = { used: 2, scene: 'a', limit: 'depth absRel' }
const found: Explanation = {
  ...{ model: 'net', precision: 'fp16', engine: 'cpu', scenes: ['a'], first: {}, broken: [] },
  network: [],
  nodes: [
    node(0, 'stem', 1e-4, '<script>window.hit = 1</script>'),
    node(1, 'encoder.blocks.0.attention', 3e-4),
    node(2, 'encoder.blocks.0.mlp', 2e-4),
    // what an exporter adds has no module and stays where it stands
    node(3, undefined, 5e-4),
    node(4, 'encoder.blocks.1.attention', Number.POSITIVE_INFINITY),
  ],
  ...{ fp32: worst, low: worst, trials: { run: 1, remembered: 0 } },
  units: [{ nodes: ['4'], label: 'node_4', operator: 'Add', alone: 9, sharedBy: 1 }],
  sensitivity: { groups: [], splits: [] },
}

describe.runIf(chromiumPath)('the page of explain in Chromium', () => {
  let browser: Browser
  let page: Page
  let complaints: string[]

  beforeAll(async () => {
    const file = join(temporaryFolder(), 'page.html')
    writeFileSync(file, explainHtml(found))
    browser = await openBrowser()
    const opened = await openPage(browser, file)
    page = opened.page
    complaints = opened.complaints
  })
  afterAll(() => browser?.close())

  const rows = () =>
    page.evaluate<string[]>(
      "[...document.querySelectorAll('#nodes tbody tr')].filter(row => row.offsetParent !== null).map(row => row.cells[0].innerText.trim())",
    )

  test('blocks that repeat are folded, and unfold at a click', async () => {
    expect((await rows()).map(text => text.split('\n')[0])).toEqual([
      expect.stringContaining('stem'),
      '#0',
      expect.stringContaining('encoder.blocks.0'),
      expect.stringContaining('encoder.blocks.1'),
    ])
    await page.click('.block:has-text("encoder.blocks.0")')
    expect((await rows()).slice(2, 6)).toEqual([
      expect.stringContaining('3 nodes, one of 2 alike'),
      '#1',
      '#2',
      '#3',
    ])
  })

  test('a click on a column sorts all nodes, the largest first; by module goes back', async () => {
    await page.click("th:text-is('local')")
    expect(await rows()).toEqual(['#4', '#3', '#1', '#2', '#0'])
    await page.click("th:text-is('local')")
    expect(await rows()).toEqual(['#0', '#2', '#1', '#3', '#4'])
    await page.click("th:text-is('operator')")
    expect((await rows()).slice(0, 3).sort()).toEqual(['#0', '#2', '#4'])
    await page.click('#blocks')
    expect((await rows())[0]).toContain('stem')
  })

  test('the search finds modules, operators and places', async () => {
    await page.fill('#search', 'matmul')
    expect((await rows()).filter(text => text.startsWith('#'))).toEqual(['#1', '#3'])
    await page.fill('#search', '')
  })

  test('names are text, nothing is asked of a network, and the page has no complaint', async () => {
    expect(complaints).toEqual([])
    expect(await page.evaluate('window.hit')).toBeUndefined()
    expect(await page.evaluate('document.body.innerText')).toContain('<script>window.hit = 1</script>')
  })
})
