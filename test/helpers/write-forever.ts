// Writes two models with external data over each other until it is killed. Says so when the first is there.
import { writeModel } from '../../src/onnx/write.ts'
import { inline, modelOf } from './external.ts'

const [, , path] = process.argv
const models = [1, 2].map(value => modelOf([inline('w', new Float32Array(200_000).fill(value))]))
for (let turn = 0; ; turn++) {
  writeModel(path!, models[turn % 2]!, { from: path!, external: true })
  if (turn === 0) process.stdout.write('writing\n')
}
