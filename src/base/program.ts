import { resolve } from 'node:path'

/** A program by its path from a folder; a name without a folder is looked up in PATH when it is started. */
export function lookedUp(program: string, folder: string): string {
  return program.includes('/') ? resolve(folder, program) : program
}
