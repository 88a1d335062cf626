/** The Python that runs PyTorch and TensorRT where nothing else names one: that of DEPTHGATE_PYTHON, else `python3`. */
export function defaultPython(): string {
  return process.env.DEPTHGATE_PYTHON ?? 'python3'
}
