import { writeFileSync } from 'node:fs'
import { join } from 'node:path'
import axe from 'axe-core'
import type { Browser, BrowserContextOptions, Page } from 'playwright-core'
import { afterAll, beforeAll, describe, expect, test } from 'vitest'
import type { Explanation } from '../../src/explain/explain.ts'
import type { NodeError } from '../../src/explain/node-errors.ts'
import { explainHtml } from '../../src/report/explain/explain-html.ts'
import { chromiumPath, type OpenPage, openBrowser, openPage } from '../helpers/chromium.ts'
import { temporaryFolder } from '../helpers/files.ts'
import { syntheticExplanation } from '../helpers/synthetic-explanation.ts'

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
const nodes = [
  node(0, 'stem', 1e-4, '<script>window.hit = 1</script>'),
  node(1, 'encoder.blocks.0.attention', 3e-4),
  node(2, 'encoder.blocks.0.mlp', 2e-4),
  // what an exporter adds has no module and stays where it stands
  node(3, undefined, 5e-4),
  node(4, 'encoder.blocks.1.attention', Number.POSITIVE_INFINITY),
]
const small: Explanation = {
  ...{ model: 'net', precision: 'fp16', engine: 'cpu', scenes: ['a'], inBodies: [], first: {}, broken: [] },
  inPrecision: nodes.length,
  nodes,
  network: [
    ...nodes.map(({ id, label, module, operator }) => ({
      ...{ id, label, operator, reads: id === '0' ? [] : [String(Number(id) - 1)] },
      ...(module !== undefined && { module }),
    })),
    { id: '5', label: 'kept', operator: 'LayerNormalization', reads: ['4'] },
  ],
  ...{ fp32: worst, low: worst, trials: { run: 1, remembered: 0 } },
  units: [{ nodes: ['4'], label: 'node_4', operator: 'Add', alone: 9, sharedBy: 1 }],
  sensitivity: { groups: [], splits: [] },
  layers: {
    ...{ precision: 'fp16', layersOf: { 4: [0] }, milliseconds: 0.5, unmapped: 0 },
    layers: [{ name: 'fused<b>', type: 'kgen', nodes: ['4'], milliseconds: 0.25, share: 0.5 }],
  },
}

describe.runIf(chromiumPath)('the page of explain in Chromium', () => {
  let browser: Browser
  const folder = temporaryFolder()
  beforeAll(async () => {
    writeFileSync(join(folder, 'small.html'), explainHtml(small))
    const [first] = nodes
    const one = { ...small, nodes: [first!], network: [small.network[0]!], units: [], layers: undefined }
    writeFileSync(join(folder, 'one.html'), explainHtml(one as unknown as Explanation))
    const large = syntheticExplanation({ encoders: ['encoder'], blocks: 12, levels: 3 })
    writeFileSync(join(folder, 'large.html'), explainHtml(large))
    browser = await openBrowser()
  })
  afterAll(() => browser?.close())
  const open = (name: string, options?: BrowserContextOptions): Promise<OpenPage> =>
    openPage(browser, join(folder, `${name}.html`), options)
  /** What is seen of the drawing: `MatMul node_1`, `▸ blocks`. */
  const boxes = (page: Page) =>
    page.evaluate<string[]>(
      "[...document.querySelectorAll('#drawing .box')].map(box => box.querySelector('.name').textContent)",
    )
  const rows = (page: Page) =>
    page.evaluate<string[]>(
      "[...document.querySelectorAll('#nodes tbody tr')].map(row => row.cells[0].innerText.trim())",
    )
  /** How the drawing lies under the pointer: left, top, scale. */
  const view = (page: Page) =>
    page.evaluate<string>("document.querySelector('#drawing svg > g').getAttribute('transform')")
  const scale = async (page: Page) => Number(/scale\(([\d.]+)/.exec(await view(page))![1])

  test('the network is drawn: what repeats is folded, and opens at a click to the worst instance', async () => {
    const { page, complaints } = await open('large')
    const stack = page.locator('#drawing .box.repeat')
    expect(await stack.getAttribute('aria-expanded')).toBe('false')
    expect(await stack.textContent()).toMatch(/^ *▸ blocks\.0–11 ×12 624 nodes \d/)
    expect((await boxes(page)).filter(name => name === 'Softmax')).toEqual([])
    await stack.click()
    const chosen = page.locator('#panel .instances [aria-pressed=true]')
    const worst = await chosen.textContent()
    expect(await boxes(page)).toContain(`▾ blocks.0–11 ×12: ${worst!.split(' ')[0]}`)
    expect(await boxes(page)).toContain('▸ attention')
    // its figure is the largest of all instances
    const figures = (await page.locator('#panel .instances small').allTextContents()).map(Number)
    expect(Number(worst!.split(' ')[1])).toBe(Math.max(...figures))
    // another instance by its button, and by its cell in the drawing
    await page.locator('#panel .instances button').nth(3).click()
    expect(await boxes(page)).toContain('▾ blocks.0–11 ×12: 3')
    await page.locator('#drawing .cell').nth(7).click()
    expect(await boxes(page)).toContain('▾ blocks.0–11 ×12: 7')
    await page.getByRole('button', { name: 'fold all' }).click()
    expect(await boxes(page)).not.toContain('▾ blocks.0–11 ×12: 7')
    expect(complaints).toEqual([])
  })

  test('a node is chosen by click and tells its figures; what is not in the format is grey', async () => {
    const { page, complaints } = await open('small')
    await page.locator('#drawing .box.leaf', { hasText: /LayerNor\w*…/ }).click()
    expect(await page.locator('#panel').innerText()).toContain(
      'fp16 does not change it, or it was not looked at',
    )
    await page.locator('#panel .worst-nodes button').first().click()
    const told = await page.locator('#panel').innerText()
    expect(told).toContain('#4 Add')
    expect(told).toContain('t4 2×5')
    expect(told).toContain('3 overflow')
    expect(told).toContain('900 % of the limit used most')
    expect(told).toContain('fused<b>, 0.25 ms')
    expect(await page.locator('#drawing .box.selected').getAttribute('class')).toContain('heat-infinite')
    expect(complaints).toEqual([])
  })

  test('the search counts, marks, and goes to what is folded away', async () => {
    const { page } = await open('large')
    await page.locator('#find').fill('softmax 9.attention')
    expect(await page.locator('#found').textContent()).toBe('1 found, Enter goes to them')
    expect(await page.locator('#drawing .box.repeat.match').count()).toBe(1)
    await page.locator('#find').press('Enter')
    expect(await page.locator('#found').textContent()).toBe('1 of 1')
    expect(await page.locator('#panel').innerText()).toContain('encoder.blocks.9.attention')
    const [box, drawing] = await Promise.all(
      ['.box.selected', '#drawing'].map(async name => (await page.locator(name).boundingBox())!),
    )
    expect(box!.x + box!.width / 2).toBeCloseTo(drawing!.x + drawing!.width / 2, -1)
    await page.locator('#find').fill('nothing is called so')
    expect(await page.locator('#found').textContent()).toBe('0 found')
  })

  test('zoom by wheel and key once it was clicked, by button at any time; drag moves', async () => {
    const { page } = await open('large')
    const { x, y, width, height } = (await page.locator('#drawing').boundingBox())!
    const first = await view(page)
    await page.mouse.move(x + 20, y + height / 2)
    await page.mouse.wheel(0, -200)
    expect(await view(page), 'the wheel scrolls the page').toBe(first)
    await page.getByRole('button', { name: 'zoom in' }).click()
    const larger = await scale(page)
    await page.locator('#drawing').focus()
    await page.mouse.move(x + 20, y + 20)
    await page.mouse.wheel(0, -200)
    expect(await scale(page)).toBeGreaterThan(larger)
    await page.keyboard.press('-')
    await page.keyboard.press('-')
    expect(await scale(page)).toBeLessThan(larger * 1.1)
    await page.keyboard.press('0')
    const whole = await page.locator('#drawing svg > g').boundingBox()
    expect(whole!.width).toBeLessThanOrEqual(width)
    expect(whole!.height).toBeLessThanOrEqual(height)
    const before = await view(page)
    const opened = await boxes(page)
    const grip = (await page.locator('#drawing .box').first().boundingBox())!
    await page.mouse.move(grip.x + 5, grip.y + 5)
    await page.mouse.down()
    await page.mouse.move(grip.x + 65, grip.y + 35, { steps: 4 })
    await page.mouse.up()
    expect(await view(page)).not.toBe(before)
    expect(await boxes(page), 'a drag is no click').toEqual(opened)
  })

  test('boxes are reached and opened by key', async () => {
    const { page } = await open('large')
    await page.locator('#drawing .box.repeat').focus()
    await page.keyboard.press('Enter')
    expect(await boxes(page)).toContain('▸ attention')
    await page.keyboard.press('Enter')
    expect(await boxes(page)).not.toContain('▸ attention')
  })

  test('it is coloured by what is chosen', async () => {
    const { page } = await open('large')
    const colours = () =>
      page.evaluate<string[]>(
        "[...document.querySelectorAll('#drawing .leaf')].map(box => box.getAttribute('class'))",
      )
    const local = await colours()
    await page.getByLabel('accumulated error').check()
    expect(await colours()).not.toEqual(local)
    expect(await page.locator('#legend').textContent()).toMatch(/^accumulated error/)
    expect(await page.locator('#panel h3').first().textContent()).toContain('by accumulated error')
  })

  test('the curve tells the node under the pointer, and a click goes there', async () => {
    const { page } = await open('large')
    await page.locator('#drift svg').scrollIntoViewIfNeeded()
    const { x, y, width } = (await page.locator('#drift svg').boundingBox())!
    await page.mouse.move(x + width / 2, y + 60)
    const told = await page.locator('#drift-told').textContent()
    expect(told).toMatch(/^#\d+ \w+ encoder\.blocks\..*: local .*, accumulated /)
    await page.mouse.click(x + width / 2, y + 60)
    expect(await page.locator('#panel h3').first().textContent()).toBe(told!.split(' ').slice(0, 2).join(' '))
  })

  test('one node is no curve', async () => {
    const { page } = await open('one')
    expect(await page.locator('h2').allTextContents()).not.toContain('Drift along the network')
    expect(await page.locator('#nodes tbody').textContent()).toContain('Add')
    await page.locator('#search').fill('add')
    expect(await page.locator('#counted').textContent()).toBe('1 of 1 node')
  })

  test('the table: blocks that repeat are folded, and unfold at a click', async () => {
    const { page } = await open('small')
    expect(await rows(page)).toEqual([
      expect.stringContaining('stem'),
      '#0',
      expect.stringContaining('encoder.blocks.0'),
      expect.stringContaining('encoder.blocks.1'),
    ])
    await page.locator('#nodes .fold', { hasText: 'encoder.blocks.0' }).click()
    expect((await rows(page)).slice(2, 6)).toEqual([
      expect.stringContaining('3 nodes, one of 2 alike'),
      '#1',
      '#2',
      '#3',
    ])
  })

  test('a click on a column sorts all nodes, the largest first; by module goes back', async () => {
    const { page } = await open('small')
    const column = (name: string) => page.locator(`#nodes thead button:text-is("${name}")`)
    await column('local').click()
    expect(await rows(page)).toEqual(['#4', '#3', '#1', '#2', '#0'])
    await column('local').click()
    expect(await rows(page)).toEqual(['#0', '#2', '#1', '#3', '#4'])
    await column('operator').click()
    expect((await rows(page)).slice(0, 3).sort()).toEqual(['#0', '#2', '#4'])
    await page.locator('#blocks').click()
    expect((await rows(page))[0]).toContain('stem')
  })

  test('the search of the table finds modules, operators and places; long lists come in parts', async () => {
    const { page } = await open('small')
    await page.locator('#search').fill('matmul')
    expect((await rows(page)).filter(text => text.startsWith('#'))).toEqual(['#1', '#3'])
    expect(await page.locator('#counted').textContent()).toBe('2 of 5 nodes')
    const large = await open('large')
    await large.page.locator('#nodes thead').getByRole('button', { name: 'local' }).click()
    expect(await rows(large.page)).toHaveLength(301)
    await large.page.getByRole('button', { name: /^all \d+ rows$/ }).click()
    expect((await rows(large.page)).length).toBeGreaterThan(600)
  })

  test('names are text, nothing is asked of a network, and the page has no complaint', async () => {
    const { page, complaints } = await open('small')
    await page.locator('#find').fill('script')
    await page.locator('#find').press('Enter')
    expect(complaints).toEqual([])
    expect(await page.evaluate('window.hit')).toBeUndefined()
    expect(await page.evaluate('document.body.innerText')).toContain('<script>window.hit = 1</script>')
  })

  test.each([
    ['light', { colorScheme: 'light' as const }],
    ['dark', { colorScheme: 'dark' as const }],
    ['phone', { viewport: { width: 390, height: 844 } }],
  ])('axe finds nothing to fault, folded and open: %s', async (_name, options) => {
    for (const name of ['small', 'large']) {
      const { page } = await open(name, options)
      if (name === 'large') await page.locator('#drawing .box.repeat').press('Enter')
      await page.evaluate(axe.source)
      const faults = await page.evaluate<string[]>(`(async () => {
        const { violations } = await axe.run()
        const words = ({ html, failureSummary }) => html + ' ' + failureSummary
        return violations.map(({ id, nodes }) => id + ': ' + nodes.slice(0, 3).map(words).join(' | '))
      })()`)
      expect(faults).toEqual([])
    }
  })

  test('a phone never scrolls sideways', async () => {
    const { page } = await open('large', { viewport: { width: 360, height: 740 } })
    expect(await page.evaluate<number>('document.documentElement.scrollWidth')).toBeLessThanOrEqual(360)
  })
})
