/** The results of a sweep: a versioned schema, so that files made by one version can be read by another. */

import type { ContextDType, ContextMode, PositionEmbeddingType, WeightDType } from '@inattention/core/math';

export const resultSchema = 'inattention-bench/3';

/** What the document is that warm tables have served: later chapters of the measured book, or another text. */
export const warmUpKinds = ['same-book', 'other'] as const;
export type WarmUpKind = (typeof warmUpKinds)[number];

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

/** What `plan()` predicts for one variant at one length of the text, its distinct ids counted. */
export interface RowPlan {
  /** Device bytes of the session. */
  readonly contextBytes: number;
  /** Device bytes of the model's table. */
  readonly tableBytes: number;
  /** Weights, context and table, in bytes; the scratch of a step is not in it. */
  readonly totalBytes: number;
  /** Multiply-adds × 2 to the first logits, with an empty table; the baseline's prefill included. */
  readonly firstTokenFlops: number;
  /** Multiply-adds × 2 of each further token. */
  readonly decodeFlops: number;
}

/**
 * How a row came about. `refused`: it does not fit, and `reason` says so; a baseline's times may still be extrapolated.
 * `unreached`: the sweep ended before it.
 */
export const outcomes = ['measured', 'extrapolated', 'refused', 'unreached'] as const;
export type Outcome = (typeof outcomes)[number];

/** All dispatches of one kernel in a step. */
export interface KernelTime {
  readonly kernel: string;
  readonly dispatches: number;
  /** Floating-point operations, as the kernel counts them. */
  readonly flops: number;
  /** Bytes that must be read and written at least. */
  readonly bytes: number;
  /** On the device; null where it has no timestamps. */
  readonly milliseconds: number | null;
}

/** One decode step, by kernel, the one that took longest first. */
export interface StepProfile {
  readonly submissions: number;
  readonly kernels: readonly KernelTime[];
}

export interface SweepRow {
  readonly tokens: number;
  readonly variant: Variant;
  readonly outcome: Outcome;
  /** Why the row was not run. */
  readonly reason?: string;
  readonly plan: RowPlan;
  /** Device bytes of the session, measured; null when not run. */
  readonly contextBytes: number | null;
  /** Device bytes of the model's table, measured; null when not run. */
  readonly tableBytes: number | null;
  /** Most device bytes live at once by the ledger, weights of this model included; null when not run. */
  readonly peakBytes: number | null;
  /** From ids in hand to the first logits, with an empty table. */
  readonly timeToFirstToken: Timing | null;
  /** The same after the table has served another document; null where there is no table. */
  readonly timeToFirstTokenWarm: Timing | null;
  /** Why there is no warm figure although there is a table. */
  readonly warmRefused?: string;
  /** The same once every id of the text has been seen; null where there is no table, and in results before schema 3. */
  readonly timeToFirstTokenRevisited: Timing | null;
  /** Per token after that. */
  readonly decode: Timing | null;
  /** What the kernels of a decode step took, where the backend tells. */
  readonly decodeProfile?: StepProfile;
  /** Largest |logit − logit of mode kv| over the largest |logit|, at the first token; null for `self`. */
  readonly disagreement: number | null;
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
  /** The command that repeats the sweep, where there was one. */
  readonly command?: string;
  /** Set when the sweep ended early: why. Rows not reached say so. */
  readonly interrupted?: string;
  readonly environment: Readonly<Record<string, string | number>>;
  readonly backend: string;
  readonly device: string;
  readonly shape: string;
  readonly dtype: ContextDType;
  /** What both models keep their matrices in; absent in older results: f32. */
  readonly weightDType?: WeightDType;
  readonly window: number;
  /** How both models are told positions; absent in older results: rope. */
  readonly positions?: PositionEmbeddingType;
  readonly parameters: { readonly inattention: number; readonly self: number };
  readonly weightBytes: { readonly inattention: number; readonly self: number };
  /** Bytes the backend can hold in all; null when it cannot know. */
  readonly budgetBytes: number | null;
  /** The baseline was run up to this length, and extrapolated beyond. */
  readonly selfUpTo: number;
  readonly text: SweepText;
  readonly warmUpText: SweepText;
  readonly warmUpKind: WarmUpKind;
  /** Tokens of it that warm tables have served. */
  readonly warmUpTokens: number;
  readonly texts: readonly TextRow[];
  /** Rate of a 512³ matrix product in this run, to judge the baseline's efficiency by; null when nothing was run. */
  readonly gemmFlopsPerSecond: number | null;
  /** Rate of the baseline's prefill (its multiply-adds × 2 as executed, over its first-token time) where it was run. */
  readonly selfPrefill: readonly { readonly tokens: number; readonly flopsPerSecond: number }[];
  readonly rows: readonly SweepRow[];
  readonly plan: readonly PlanTableRow[];
}
