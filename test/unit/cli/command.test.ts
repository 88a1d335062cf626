import { mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { expect, test } from 'vitest'
import { checkOutput } from '../../../src/cli/command.ts'
import { temporaryFolder } from '../../helpers/files.ts'

test('an output is refused where hours of work could not be written', () => {
  const folder = temporaryFolder()
  const model = join(folder, 'net.onnx')
  writeFileSync(model, '')
  mkdirSync(join(folder, 'out'))
  const faultOf = (file: string) => () => checkOutput(model, '-o', join(folder, file))
  expect(faultOf('net.onnx')).toThrow('is the model itself')
  expect(faultOf('out')).toThrow('cannot be written: is a folder')
  expect(faultOf('net.onnx/deep/mended.onnx')).toThrow(
    `cannot be written: ${model} is no folder. Choose another`,
  )
  for (const file of ['mended.onnx', 'new/folder/mended.onnx']) expect(faultOf(file)).not.toThrow()
})
