/** The results of a sweep: a versioned schema, so that files made by one version can be read by another. */

import type { ContextDType, ContextMode } from '@inattention/core/math';

export const resultSchema = 'inattention-bench/1';

/** One model in one context mode. `self`: the same-size self-attention model with its KV cache. */
export type Variant = ContextMode | 'self';

/** A figure in milliseconds. */
export interface Timing {
  /** Median of `rounds` measurements; of the formula when extrapolated. */
  readonly median: number;
  readonly rounds: number;
  /** Set when the figure was computed from measured ones: the formula. */
  readonly extrapolated?: string;
}

export interface SweepRow {
  readonly tokens: number;
  readonly variant: Variant;
  /** Device bytes of the session. */
  readonly contextBytes: number;
  /** Device bytes of the model's table. */
  readonly tableBytes: number;
  /** Most device bytes live at once, weights of this model included; null when not run. */
  readonly peakBytes: number | null;
  /** From ids in hand to the first logits, with an empty table. */
  readonly timeToFirstToken: Timing | null;
  /** The same after the table has served another document; null where there is no table. */
  readonly timeToFirstTokenWarm: Timing | null;
  /** Per token after that. */
  readonly decode: Timing | null;
  /** Largest |logit − logit of mode kv| over the largest |logit|, at the first token; null for `self`. */
  readonly disagreement: number | null;
  /** Why the row was not run. */
  readonly refused?: string;
}

export interface SweepText {
  readonly title: string;
  readonly source: string;
  readonly licence: string;
  readonly tokenizer: string;
}

/** Facts of the text at one length. */
export interface TextRow {
  readonly tokens: number;
  readonly distinct: number;
  /** Share of the distinct ids that the warm-up document had not shown. */
  readonly unseenAfterWarmUp: number;
}

/** The most tokens that fit a memory size. */
export interface PlanTableRow {
  readonly shape: string;
  readonly budgetBytes: number;
  readonly weightBytes: number;
  /** Query heads per key head: with many, a KV cache is small already. */
  readonly groupSize: number;
  readonly dtype: ContextDType;
  /** Tokens by variant, every id of the vocabulary seen; null: not even one page fits. */
  readonly tokens: Readonly<Record<Variant, number | null>>;
  /** Tokens in mode tables when N tokens of text have N^0.72 distinct ids. */
  readonly tablesOnText: number | null;
}

export interface SweepResult {
  readonly schema: typeof resultSchema;
  readonly created: string;
  readonly environment: Readonly<Record<string, string | number>>;
  readonly backend: string;
  readonly device: string;
  readonly shape: string;
  readonly dtype: ContextDType;
  readonly window: number;
  readonly parameters: { readonly inattention: number; readonly self: number };
  readonly weightBytes: { readonly inattention: number; readonly self: number };
  readonly text: SweepText;
  readonly warmUpText: SweepText;
  readonly texts: readonly TextRow[];
  /** Rate of a 512³ matrix product in this run, to judge the baseline's efficiency by. */
  readonly gemmFlopsPerSecond: number;
  /** Rate of the baseline's prefill where it was run. */
  readonly selfPrefill: readonly { readonly tokens: number; readonly flopsPerSecond: number }[];
  readonly rows: readonly SweepRow[];
  readonly plan: readonly PlanTableRow[];
}
