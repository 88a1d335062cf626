/** Bytes that are not in memory and are read part by part. */
export interface ByteSource {
  byteLength: number
  /** Fills `into` with the bytes from `at` on. */
  copy(into: Uint8Array, at: number): void
}
