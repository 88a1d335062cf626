import { join } from 'node:path'
import { expect, test } from 'vitest'
import { findModel, loadConfig } from '../../../src/gate/config.ts'
import { pytorchSettings } from '../../../src/gate/time.ts'
import { repo } from '../../helpers/files.ts'

test('what a network returns has the names of the outputs of its export, in their order', async () => {
  const model = findModel(await loadConfig(join(repo, 'test/gpu/depthgate.config.ts')), 'pocket')
  const options = { python: 'python3', folder: repo }
  const { outputs, file, factory } = pytorchSettings(
    model,
    'models/pocket/pocket.py:pocket',
    '--pytorch',
    options,
  )
  // goldens are in the order of their names: depth, fov_deg, inverse_depth
  expect(outputs).toEqual(['inverse_depth', 'fov_deg'])
  expect([file, factory]).toEqual([join(repo, 'models/pocket/pocket.py'), 'pocket'])
})
