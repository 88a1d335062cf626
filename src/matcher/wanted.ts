let wanted = false

/** Told by the set-up file, which knows whether a reporter asked for the maps that tests judge. */
export function wantMaps(value: boolean): void {
  wanted = value
}

export function mapsAreWanted(): boolean {
  return wanted
}
