import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { defineConfig } from 'vitest/config'

const src = (file: string) => fileURLToPath(new URL(`src/${file}`, import.meta.url))
/** The tests write `from 'depthgate'` as users do, and get the source. */
const alias = [
  { find: /^depthgate\/reporter$/, replacement: src('matcher/reporter.ts') },
  { find: /^depthgate\/vitest$/, replacement: src('matcher/setup.ts') },
  { find: /^depthgate\/config$/, replacement: src('gate/define-config.ts') },
  { find: /^depthgate$/, replacement: src('index.ts') },
]

export default defineConfig({
  test: {
    // the tests of this repository leave its own goldens' baselines alone, whoever runs them
    update: 'none',
    // a file of the command line mostly waits for processes; by default one core of two would be left idle
    maxWorkers: Math.max(2, availableParallelism()),
    projects: [
      { resolve: { alias }, test: { name: 'unit', include: ['test/unit/**/*.test.ts'] } },
      {
        resolve: { alias },
        // whole runs on ONNX Runtime, which uses every core by itself
        test: {
          name: 'cpu',
          include: ['test/cpu/**/*.test.ts'],
          setupFiles: [src('matcher/setup.ts')],
          testTimeout: 60_000,
        },
      },
      // the HTML report in a real Chromium
      {
        resolve: { alias },
        test: {
          name: 'browser',
          include: ['test/browser/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 120_000,
        },
      },
      // the built package as a user has it: command line, tarball, a real PyTorch
      {
        resolve: { alias },
        test: { name: 'cli', include: ['test/cli/**/*.test.ts'], testTimeout: 120_000, hookTimeout: 240_000 },
      },
      // a GPU with TensorRT, one file at a time: npm run test:gpu
      {
        resolve: { alias },
        test: {
          name: 'gpu',
          include: ['test/gpu/**/*.test.ts'],
          testTimeout: 1_200_000,
          hookTimeout: 300_000,
        },
      },
    ],
  },
})
