import { plain } from '../base/plain.ts'
import type { JudgedRecord } from '../gate/run-record.ts'
import { baselineText } from './baseline-text.ts'
import { verdictText } from './phrase.ts'

/** The whole of a judged case in plain words: verdict, attribution, figures, baseline, pictures. */
export function recordText({ verdict, baseline, pictures = {} }: JudgedRecord): string {
  const blocks = [
    verdictText(verdict),
    baselineText(baseline).join('\n'),
    Object.entries(pictures)
      .map(([output, path]) => `picture of ${output}: ${path}`)
      .join('\n'),
  ]
  return plain(blocks.filter(block => block !== '').join('\n\n'))
}
