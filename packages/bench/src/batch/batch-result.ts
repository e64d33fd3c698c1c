/** What the bench of many sessions measures: bytes beside the plan, and tokens per second by batch size. */

import type { ContextDType, ContextMode, WeightDType } from '@inattention/core/math';

export const batchResultSchema = 'inattention-bench-sessions/1';

/** Bytes as `plan()` predicts them. What was measured is equal, or there is no result. */
export interface BatchBytes {
  /** Device bytes of each session's context. */
  readonly contextEach: number;
  /** Device bytes of all contexts. */
  readonly context: number;
  /** Device bytes of the table that all sessions share. */
  readonly table: number;
  /** Host bytes of all sessions. */
  readonly host: number;
  /** Device bytes of the KV caches of the same-size self-attention model for as many sessions. */
  readonly selfAttentionContext: number;
}

export interface BatchRow {
  /** B: sessions that take a step together. */
  readonly batch: number;
  /** Median time of a step: one id appended to each session, and the logits after it. */
  readonly stepMs: number;
  /** Steps measured. */
  readonly steps: number;
  /** B / the median step. */
  readonly tokensPerSecond: number;
}

export interface BatchResult {
  readonly schema: typeof batchResultSchema;
  /** When it began, ISO 8601. */
  readonly created: string;
  readonly command: string;
  readonly environment: Readonly<Record<string, string | number>>;
  readonly backend: { readonly name: string; readonly device: string };
  readonly shape: string;
  readonly text: { readonly title: string; readonly tokenizer: string; readonly stride: number };
  readonly mode: ContextMode;
  readonly dtype: ContextDType;
  readonly weightDType: WeightDType;
  readonly window: number;
  readonly sessions: number;
  /** Ids of each session. */
  readonly tokens: number;
  /** Different ids in all sessions together. */
  readonly distinct: number;
  readonly bytes: BatchBytes;
  /** All ids of all sessions appended, in ms. */
  readonly appendMs: number;
  readonly rows: readonly BatchRow[];
}
