import { cpus } from 'node:os'

/** Architecture and model of this machine's processor. */
export function cpuName(): string {
  return `${process.arch} ${cpus()[0]?.model.trim() ?? ''}`.trim()
}
