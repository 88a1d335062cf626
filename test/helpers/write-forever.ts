// Writes two models with external data over each other until it is killed. Says so when the first is there.
import { setFloats } from '../../src/onnx/floats.ts'
import { readModel } from '../../src/onnx/model.ts'
import { writeModel } from '../../src/onnx/write.ts'

const [, , source, path] = process.argv
const models = [1, 2].map(value => {
  const model = readModel(source!)
  const [weight] = model.graph!.initializer
  weight!.name = 'w'
  weight!.dims = [200_000n]
  setFloats(weight!, new Float32Array(200_000).fill(value))
  return model
})
for (let turn = 0; ; turn++) {
  writeModel(path!, models[turn % 2]!, { from: source!, external: true })
  if (turn === 0) process.stdout.write('writing\n')
}
