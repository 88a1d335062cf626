import { basename, join, resolve } from 'node:path'
import { DepthgateError } from '../base/errors.ts'
import { honestJson } from '../base/json.ts'
import { loadConfig, modelsOf } from '../gate/config.ts'
import { findObsolete, neededBy, removeObsolete } from '../gate/obsolete.ts'
import { checkMayWrite } from '../gate/review.ts'
import { runOutcome } from '../gate/run-record.ts'
import { readRun, runIds, runsFolder } from '../gate/run-store.ts'
import { type Command, noPositionals, parse } from './command.ts'

/** Removes goldens and baselines that nothing needs. */
export const prune: Command = {
  summary: 'remove the goldens and baselines that the last whole run did not need',
  help: `depthgate prune [options]

Only a whole run knows what is obsolete, so this acts on the last one in .depthgate/runs beside the (first) config; if that
was filtered, stopped or broken, run \`depthgate gate\` without a filter first. What the config names is never removed, though
a run of another config did not need it; where a project has several, name them all. A baseline of another machine is never
obsolete.

  --dry-run        list what would go, and remove nothing
  --write-in-ci    remove although CI is set
  --config FILE    by default the depthgate.config.* of this folder or one above; may be given several times: what one of
                   them needs stays
  --json           print what went as JSON

Exit code: 0 done, 2 there is no whole run to go by.

  depthgate gate && depthgate prune --dry-run
  depthgate prune --config depthgate.config.ts --config release.config.ts
`,
  async run(args) {
    const { values, positionals } = parse('prune', args, {
      'dry-run': { type: 'boolean', default: false },
      'write-in-ci': { type: 'boolean', default: false },
      config: { type: 'string', multiple: true },
      json: { type: 'boolean', default: false },
    })
    noPositionals('prune', positionals, 'It removes what the last whole run lists as obsolete')
    const [config, ...others] = [
      loadConfig(values.config?.[0]),
      ...(values.config ?? []).slice(1).map(loadConfig),
    ] as const
    const { root } = config
    const id = runIds(root).at(-1)
    if (id === undefined)
      throw new DepthgateError('run', `${runsFolder(root)}: holds no run. Run \`depthgate gate\` first`)
    const run = readRun(join(runsFolder(root), id)).run
    const { header } = run
    if (header.filter || header.partial || runOutcome(run) === 'broken')
      throw new DepthgateError(
        'run',
        `${join(runsFolder(root), id)}: was ${header.filter ? 'filtered' : header.partial ? 'stopped' : 'broken'}, and does not know what is obsolete. Run \`depthgate gate\` whole first`,
      )
    // the run may be of another config, or of this one before it was edited: the config in force has the say
    const needed = others.map(other => neededBy(other, run.cases))
    const obsolete = findObsolete(config, modelsOf(config), run.cases).filter(
      ({ path, scene }) =>
        run.obsolete.some(listed => listed.path === path && listed.scene === scene) &&
        !needed.some(isNeeded =>
          isNeeded({ path: resolve(root, path), ...(scene !== undefined && { scene }) }),
        ),
    )
    if (!values['dry-run']) {
      checkMayWrite(values['write-in-ci'])
      for (const item of obsolete) removeObsolete(root, item)
    }
    const verb = values['dry-run'] ? 'would remove' : 'removed'
    if (values.json) console.log(honestJson(obsolete))
    else if (obsolete.length === 0) console.log('nothing is obsolete')
    for (const { path, scene, why } of values.json ? [] : obsolete)
      console.log(`${verb} ${path}${scene === undefined ? '' : `, scene ${scene}`} (${why})`)
    if (values['dry-run'] && !values.json && obsolete.length > 0 && others.length === 0)
      console.log(
        `by ${basename(config.file)} alone; what other configs need stays where each is given with --config`,
      )
    return 0
  },
}
