import { execFileSync } from 'node:child_process'

/** A GPU as the driver's own tool tells of it. */
export interface Gpu {
  name: string
  driver: string
  computeCapability: string
}

/** What nvidia-smi calls the GPU that CUDA counts as `device`: CUDA counts those alone that the variable names. */
export function smiName(device: number, visible = process.env.CUDA_VISIBLE_DEVICES): string {
  return visible?.split(',')[device]?.trim() ?? String(device)
}

/** The GPU of a number, or why it is not known. */
export function gpuFacts(device: number): Gpu | { reason: string } {
  try {
    const said = execFileSync(
      'nvidia-smi',
      ['--query-gpu=name,driver_version,compute_cap', '--format=csv,noheader', '-i', smiName(device)],
      { encoding: 'utf8', stdio: ['ignore', 'pipe', 'pipe'], timeout: 30_000 },
    )
    const [name = '', driver = '', computeCapability = ''] = said.trim().split(/,\s*/)
    return { name, driver, computeCapability }
  } catch (cause) {
    const { code, stdout, message } = cause as NodeJS.ErrnoException & { stdout?: string }
    return {
      reason:
        code === 'ENOENT'
          ? 'nvidia-smi is not here, so neither is a driver'
          : `nvidia-smi: ${stdout?.trim() || message}`,
    }
  }
}
