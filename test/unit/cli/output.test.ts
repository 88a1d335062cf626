import { existsSync, mkdirSync, readdirSync, symlinkSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkOutput, given } from '../../../src/cli/output.ts'
import { temporaryFolder } from '../../helpers/files.ts'

test('an output is refused where hours of work could not be written', () => {
  const folder = temporaryFolder()
  const model = join(folder, 'net.onnx')
  writeFileSync(model, '')
  symlinkSync(model, join(folder, 'link.onnx'))
  mkdirSync(join(folder, 'out'))
  const sources = [given('is the mask', undefined), given('is the model itself', model)]
  const faultOf = (file: string) => () => checkOutput(sources, '-o', join(folder, file))
  expect(faultOf('net.onnx')).toThrow('is the model itself')
  expect(faultOf('link.onnx')).toThrow('is the model itself')
  expect(faultOf('out')).toThrow('cannot be written: is a folder')
  expect(faultOf('net.onnx/deep/mended.onnx')).toThrow(
    `cannot be written: ${model} is no folder. Choose another`,
  )
  for (const file of ['mended.onnx', 'new/folder/mended.onnx']) expect(faultOf(file)).not.toThrow()
  // nothing is made by looking
  expect(readdirSync(folder).sort()).toEqual(['link.onnx', 'net.onnx', 'out'])
})

test.runIf(existsSync('/proc/self'))('a folder that takes no files is told at once, also below it', () => {
  // where root may write, nobody else may
  for (const file of ['/proc/out.json', '/proc/new/folder/out.json'])
    expect(() => checkOutput([], '-o', file)).toThrow(
      /^-o \/proc\/.*: cannot be written: (\/proc takes no files \(\w+\)|EACCES.*)\. Choose another place$/,
    )
})
