import { existsSync } from 'node:fs'
import { type Browser, type BrowserContextOptions, chromium, type Page } from 'playwright-core'

/** A real Chromium: DEPTHGATE_CHROMIUM, else Debian's, else Chrome's usual places. CI installs Debian's. */
export const chromiumPath = [
  process.env.DEPTHGATE_CHROMIUM,
  '/usr/bin/chromium',
  '/usr/bin/chromium-browser',
  '/usr/bin/google-chrome',
  '/Applications/Google Chrome.app/Contents/MacOS/Google Chrome',
].find(path => path !== undefined && existsSync(path))

export async function openBrowser(): Promise<Browser> {
  // Chromium refuses its sandbox to root, as which containers run; the only page it gets is ours
  return chromium.launch({ executablePath: chromiumPath!, args: ['--no-sandbox'] })
}

export interface OpenPage {
  page: Page
  /** What the page said on its console, threw, or asked of any network. */
  complaints: string[]
}

export async function openPage(
  browser: Browser,
  file: string,
  options: BrowserContextOptions = {},
): Promise<OpenPage> {
  const page = await browser.newPage({ viewport: { width: 1280, height: 900 }, ...options })
  const complaints: string[] = []
  const url = `file://${file}`
  page.on('console', message => complaints.push(`console: ${message.text()}`))
  page.on('pageerror', error => complaints.push(`error: ${error.message}`))
  page.on('request', request => {
    if (!request.url().startsWith('data:') && request.url().split('#')[0] !== url)
      complaints.push(`request: ${request.url()}`)
  })
  await page.goto(url)
  return { page, complaints }
}
