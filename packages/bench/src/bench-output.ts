/** Where the command writes. */

/** Process streams in programs, strings in tests. */
export interface BenchOutput {
  out(text: string): void;
  error(text: string): void;
  /** Progress bars are drawn on standard error when it is a terminal. */
  readonly interactive: boolean;
  readonly signal?: AbortSignal;
}

/** Tells of progress, a line each with the seconds since now. */
export function progressLines(output: BenchOutput): (what: string) => void {
  const begin = performance.now();
  return (what) => output.error(`${((performance.now() - begin) / 1000).toFixed(0)} s: ${what}\n`);
}
