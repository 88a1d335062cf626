import { expect, test } from 'vitest'
import { checkKeys } from '../../../src/base/options.ts'

test('options are an object of what is known', () => {
  const check = (options: unknown) => () => checkKeys(options as object, ['scene', 'precision'], 'infer')
  expect(check({ scene: 'waves' })).not.toThrow()
  expect(check({ scenes: 'waves' })).toThrow('infer: the option "scenes" is unknown; did you mean "scene"?')
  expect(check('waves')).toThrow('infer: options are an object of scene, precision, not "waves"')
  expect(check(null)).toThrow('not null')
})
