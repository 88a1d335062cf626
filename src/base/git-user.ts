import { execFileSync } from 'node:child_process'
import { userInfo } from 'node:os'

const names = new Map<string, string>()

/** The name that git signs commits with in a folder; where git knows none, the user's name on this machine. */
export function gitUser(folder: string): string {
  let name = names.get(folder)
  if (name === undefined) {
    name = asked(folder) || userInfo().username
    names.set(folder, name)
  }
  return name
}

function asked(folder: string): string {
  try {
    return execFileSync('git', ['config', 'user.name'], {
      cwd: folder,
      encoding: 'utf8',
      stdio: ['ignore', 'pipe', 'ignore'],
    }).trim()
  } catch {
    // no git here, or no name set
    return ''
  }
}
