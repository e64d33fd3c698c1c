/** Where the command writes. */

/** Process streams in programs, strings in tests. */
export interface BenchOutput {
  out(text: string): void;
  error(text: string): void;
  /** Progress bars are drawn on standard error when it is a terminal. */
  readonly interactive: boolean;
  readonly signal?: AbortSignal;
}
