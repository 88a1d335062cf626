// What every method is given: the network with a name for every node, and its scenes as tensors.
import { existsSync, mkdirSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { encodeNpy } from '../../dist/depth/npy.js'
import { openGolden, readInput } from '../../dist/golden/store.js'
import { lastWords, run } from './project.mjs'

const peers = join(import.meta.dirname, 'peers.py')

/** Writes WORK/NAME/network.onnx and WORK/NAME/inputs/SCENE.npz, once. */
export async function prepare(name, network, { work, python, limit }) {
  const folder = join(work, name)
  const [named, inputs] = [join(folder, 'network.onnx'), join(folder, 'inputs')]
  mkdirSync(inputs, { recursive: true })
  if (!existsSync(named)) {
    const log = join(folder, 'prepare.log')
    const golden = openGolden(network.golden)
    const tensors = network.scenes.map(scene => {
      const tensor = join(inputs, `${scene}.npy`)
      writeFileSync(tensor, encodeNpy(readInput(golden, scene)))
      return tensor
    })
    const command = [python, '-W', 'ignore', peers, 'prepare', network.onnx, named, ...tensors]
    const { code } = await run(command, { log, limit })
    if (code !== 0) throw new Error(`${name} was not prepared: ${lastWords(log)}`)
  }
  return { ...network, named, inputs, plain: join(folder, 'plain-fp16/made.onnx') }
}
