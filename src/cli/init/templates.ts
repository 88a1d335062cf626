/** One model of the config and of the test that goes with it. */
export interface ModelEntry {
  name: string
  onnx: string
}

export const modelLine = ({ name, onnx }: ModelEntry): string =>
  `${/^[a-z_][a-z0-9_]*$/.test(name) ? name : `'${name}'`}: { onnx: ${quoted(onnx)} },`

/** As Biome and Prettier would write it. */
const quoted = (text: string): string => (/['\\\n]/.test(text) ? JSON.stringify(text) : `'${text}'`)

export const configText = (model: ModelEntry): string => `import { defineConfig } from 'depthgate/config'

// Paths are relative to this file. Goldens are looked for in golden/<model>; precisions, limits, ranges and engines go here, too.
export default defineConfig({
  models: {
    ${modelLine(model)}
  },
})
`

/** A test of every scene of every model. A matcher that is not awaited cannot pass by mistake: toMatchGolden is synchronous. */
export const testText = (models: readonly string[]): string => `import { infer, scenes } from 'depthgate'
import { expect, test } from 'vitest'
${models
  .map(
    model => `
test.each(scenes('${model}'))('${model}/%s', async scene => {
  expect(await infer('${model}', { scene })).toMatchGolden()
})
`,
  )
  .join('')}`

export const setupLine = "setupFiles: ['depthgate/vitest']"

export const vitestText = `import { defineConfig } from 'vitest/config'

export default defineConfig({
  test: {
    ${setupLine},
    testTimeout: 60_000,
  },
})
`

export const workflowText = `name: depthgate
on: [push, pull_request]
permissions:
  contents: read
jobs:
  gate:
    runs-on: ubuntu-latest
    env:
      # the CPU library is in ONNX Runtime's package; this stops the download of the GPU's
      ONNXRUNTIME_NODE_INSTALL: skip
    steps:
      - uses: actions/checkout@v4
        # where goldens or models are in Git LFS:
        # with: { lfs: true }
      - uses: actions/setup-node@v4
        with: { node-version: 22 }
      - run: npm ci
      - run: npm test
      - run: npx depthgate gate
        if: \${{ !cancelled() }}
      - uses: actions/upload-artifact@v4
        if: always()
        with: { name: depthgate, path: .depthgate/report, include-hidden-files: true, if-no-files-found: ignore }
`

/** What a run leaves: depthgate's own, pictures attached to tests, and the blobs of shards. */
export const ignoreLines = ['.depthgate/', '.vitest-attachments/', '.vitest-reports/', '.vitest/'] as const

/** Git must not change a byte of what is hashed. */
export const attributeLines = [
  '# goldens and models are held by their hash: git changes no byte of them',
  '*.npy binary',
  '*.onnx binary',
  '*.onnx.data binary',
  "# many or large ones are better in Git LFS: git lfs track '*.npy' '*.onnx' '*.onnx.data'",
] as const
