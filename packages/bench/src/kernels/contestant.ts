/** What takes part in a kernel bench. */

import type { KernelFigure, RateUnit } from './kernel-result.ts';

export interface Contestant {
  readonly name: string;
  readonly kind: KernelFigure['kind'];
  /** Work of a call, in the unit's numerator: arithmetic, or bytes that have to be read. */
  readonly work: number;
  readonly unit: RateUnit;
  readonly note?: string;
  /** Ratios are made with the best contestant of a family: one peer's ways of being fed. Default: the name. */
  readonly family?: string;
  /** False for one of ours that does less than peers have to, and is measured for its share of the limit. */
  readonly compared?: false;
  /** One call, from inputs in place to the result where its callers find it. */
  run(): void | Promise<void>;
  /** The result of the last call, flat; null for limits, whose numbers mean nothing. */
  result(): Promise<Float32Array | null>;
  dispose(): void | Promise<void>;
}

/** Contestants measured in turn, with what their results have to be. */
export interface KernelBench {
  readonly name: string;
  readonly contestants: readonly Contestant[];
  /** By a plain loop in float64, for a contestant. */
  expected(contestant: Contestant): Float64Array;
  /** Speeds of ours that are set against other contestants' of this bench, besides every peer's. */
  readonly against?: string;
  dispose(): void;
}
