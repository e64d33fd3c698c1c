/** Progress of long work, for progress bars. */
export interface Progress {
  readonly stage: 'load' | 'append' | 'prefill' | 'score' | 'generate';
  /** Units done: bytes when loading, tokens otherwise. */
  readonly done: number;
  readonly total: number;
}
