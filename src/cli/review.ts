import { join } from 'node:path'
import { createInterface } from 'node:readline'
import { DepthgateError } from '../base/errors.ts'
import { type LoadedConfig, loadConfig } from '../gate/config.ts'
import { type PendingEntry, pendingId, readPending, removePending } from '../gate/pending.ts'
import { acceptEntry, acceptedBefore, checkMayWrite } from '../gate/review.ts'
import { terminal } from '../report/escape.ts'
import { inlinePicture } from '../report/inline-picture.ts'
import { reviewText } from '../report/review-text.ts'
import { decisionText } from './accept.ts'
import { type Command, noPositionals, parse } from './command.ts'

/** Walks through what is pending, one by one. */
export const review: Command = {
  summary: 'walk through the pending cases: accept, reject, skip, note a reason',
  help: `depthgate review [options]

Shows each pending case with its metrics before and now, its limits, the cause and the pictures (in the terminal itself
where that is kitty, Ghostty, iTerm2 or WezTerm), and asks: accept, reject, skip, note a reason, or quit.

  --config FILE    by default the depthgate.config.* of this folder or one above
  --write-in-ci    write although CI is set

Without a terminal, use pending, accept and reject. Exit code: 0 walked through or quit, 2 not possible.

  depthgate gate || depthgate review
`,
  async run(args) {
    const { values, positionals } = parse('review', args, {
      config: { type: 'string' },
      'write-in-ci': { type: 'boolean', default: false },
    })
    noPositionals('review', positionals, 'To act on one case, use accept or reject')
    if (!process.stdin.isTTY)
      throw new DepthgateError(
        'usage',
        'depthgate review asks on a terminal, and there is none. Use `depthgate pending`, `accept` and `reject`',
      )
    checkMayWrite(values['write-in-ci'])
    const config = loadConfig(values.config)
    const terminal = createInterface({ input: process.stdin, output: process.stdout })
    // Ctrl-D and Ctrl-C end the review as `q` does
    const closed = new Promise<string>(answer => terminal.once('close', () => answer('q')))
    const ask = (question: string) =>
      Promise.race([closed, new Promise<string>(answer => terminal.question(question, answer))])
    try {
      await walk(config, readPending(config.root), ask, text => process.stdout.write(`${text}\n`))
    } finally {
      terminal.close()
    }
    return 0
  },
}

/** Shows entry after entry and does what is answered. */
export async function walk(
  config: LoadedConfig,
  entries: readonly PendingEntry[],
  ask: (question: string) => Promise<string>,
  say: (text: string) => void,
): Promise<void> {
  if (entries.length === 0) say('nothing is pending')
  for (const [i, entry] of entries.entries()) {
    say(`\n${terminal(reviewText(entry, acceptedBefore(config, entry), `${i + 1} of ${entries.length}`))}`)
    for (const picture of Object.values(entry.pictures)) {
      const shown = inlinePicture(join(config.root, picture))
      if (shown !== '') say(shown)
    }
    if ((await decide(config, entry, ask, say)) === 'quit') return
  }
}

async function decide(
  config: LoadedConfig,
  entry: PendingEntry,
  ask: (question: string) => Promise<string>,
  say: (text: string) => void,
): Promise<'next' | 'quit'> {
  const choices = entry.verdict.pass
    ? 'accept (a), reject (r), skip (s), note a reason (n), quit (q)? '
    : 'reject (r), skip (s), quit (q)? '
  let reason: string | undefined
  for (;;) {
    const answer = (await ask(choices)).trim().toLowerCase()[0]
    if (answer === 'q') return 'quit'
    if (answer === 's') return 'next'
    if (answer === 'r') {
      removePending(config.root, pendingId(entry))
      say('rejected')
      return 'next'
    }
    if (answer === 'n' && entry.verdict.pass) reason = (await ask('reason: ')).trim()
    else if (answer === 'a' && entry.verdict.pass) {
      say(decisionText(acceptEntry(config, entry, reason)))
      return 'next'
    }
  }
}
