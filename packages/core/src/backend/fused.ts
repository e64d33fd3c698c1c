/**
 * Fused operations: optional, each with a composed fallback in core and a conformance check that both agree.
 * The conventions of primitives.ts hold. A backend lists those it has as the properties of `backend.fused`.
 */

import type { ContextView, RopeAngles } from './context-view.ts';
import type { TensorView } from './tensor-view.ts';

/** out[r] = weight ⊙ input[r] / sqrt(mean(input[r]²) + epsilon). */
export interface RmsNormArguments {
  /** [n, D] */
  readonly input: TensorView;
  /** [D], or null for all ones. */
  readonly weight: TensorView | null;
  readonly epsilon: number;
  /** [n, D] */
  readonly out: TensorView;
  /** [n]: 1 / sqrt(mean(input²) + epsilon); null when not wanted. */
  readonly inverseRms: TensorView | null;
}

/** Gradients are written (not added to). */
export interface RmsNormBackwardArguments {
  readonly input: TensorView;
  readonly weight: TensorView | null;
  readonly inverseRms: TensorView;
  readonly gradOut: TensorView;
  readonly gradInput: TensorView;
  /** [D]; null exactly when `weight` is. */
  readonly gradWeight: TensorView | null;
}

/** Rotates pairs (c, c + C/2) of each head by the angles of its row's position; by their negatives when `inverse`. */
export interface RopeArguments {
  /** [n, heads, C] */
  readonly input: TensorView;
  /** i32 [n] */
  readonly positions: TensorView;
  readonly angles: RopeAngles;
  readonly inverse: boolean;
  /** [n, heads, C]; may be `input`. */
  readonly out: TensorView;
}

/**
 * Attention of T queries over entries [from, to) of a context. Query t sees entry i when
 * firstPosition + i ≤ positions[t]. score = scale · q·k − slope_h · distance. Query head h reads key head
 * floor(h · G / H). Per (query, head), over the visible entries:
 *
 *     max = maximum score; sum = Σ exp(score − max); out = Σ exp(score − max) v / sum
 *
 * Nothing visible: max = −3.4028234663852886e38 (the lowest f32), sum = 0, out = 0. With `accumulate`, the values
 * already in out, max and sum describe earlier entries, and the result is that of both together (softmax parts
 * merge exactly).
 */
export interface AttendArguments {
  /** [T, H, C], rotated if the model uses rope. */
  readonly queries: TensorView;
  /** i32 [T] */
  readonly positions: TensorView;
  readonly context: ContextView;
  readonly from: number;
  readonly to: number;
  /** f32 [H], or null for none. */
  readonly slopes: TensorView | null;
  /** Usually 1/√C. */
  readonly scale: number;
  readonly accumulate: boolean;
  /** [T, H, C] */
  readonly out: TensorView;
  /** [T, H] */
  readonly max: TensorView;
  /** [T, H] */
  readonly sum: TensorView;
}

/**
 * Attention of each query over all of a context of its own, as `attend` computes it; its `max` and `sum` are not wanted. The
 * contexts have the same numbers of key heads and the same head size, and may differ in everything else.
 */
export interface AttendEachArguments {
  /** [T, H, C], rotated if the model uses rope. */
  readonly queries: TensorView;
  /** i32 [T] */
  readonly positions: TensorView;
  /** T of them, each with an entry at least. */
  readonly contexts: readonly ContextView[];
  /** f32 [H], or null for none. */
  readonly slopes: TensorView | null;
  readonly scale: number;
  /** [T, H, C] */
  readonly out: TensorView;
}

/**
 * Gradients of `attend` over dense keys and values (entry i at position firstPosition + i), recomputed from
 * logSumExp = max + log(sum), the lowest f32 for a query that sees nothing. gradQueries is written; gradKeys and
 * gradValues are added to.
 */
export interface AttendBackwardArguments {
  readonly queries: TensorView;
  readonly positions: TensorView;
  /** f32 [N, G, C] */
  readonly keys: TensorView;
  /** f32 [N, G, C] */
  readonly values: TensorView;
  readonly firstPosition: number;
  readonly slopes: TensorView | null;
  readonly scale: number;
  /** [T, H, C]: what attend returned. */
  readonly out: TensorView;
  /** [T, H] */
  readonly logSumExp: TensorView;
  readonly gradOut: TensorView;
  readonly gradQueries: TensorView;
  readonly gradKeys: TensorView;
  readonly gradValues: TensorView;
}

/** The attention weights themselves, of one query: out [H, to − from] = exp(score − logSumExp); 0 where unseen. */
export interface AttendWeightsArguments {
  /** [1, H, C] */
  readonly queries: TensorView;
  /** i32 [1] */
  readonly positions: TensorView;
  readonly context: ContextView;
  readonly from: number;
  readonly to: number;
  readonly slopes: TensorView | null;
  readonly scale: number;
  /** [1, H] */
  readonly logSumExp: TensorView;
  readonly out: TensorView;
}

/** nll[r] = logSumExp(logits[r]) − logits[r, targets[r]]. */
export interface CrossEntropyArguments {
  /** [n, V] */
  readonly logits: TensorView;
  /** i32 [n] */
  readonly targets: TensorView;
  /** [n] */
  readonly nll: TensorView;
  /** [n] */
  readonly logSumExp: TensorView;
}

export interface CrossEntropyBackwardArguments {
  readonly logits: TensorView;
  readonly targets: TensorView;
  readonly logSumExp: TensorView;
  /** [n] */
  readonly gradNll: TensorView;
  /** [n, V]; may be `logits`. */
  readonly gradLogits: TensorView;
}

/**
 * One AdamW step, in place (Loshchilov & Hutter, arXiv 1711.05101): m ← β₁m + (1−β₁)g; v ← β₂v + (1−β₂)g²;
 * p ← p − lr · (m/(1−β₁ᵗ) / (√(v/(1−β₂ᵗ)) + ε) + weightDecay · p).
 */
export interface AdamWArguments {
  readonly parameter: TensorView;
  readonly gradient: TensorView;
  readonly firstMoment: TensorView;
  readonly secondMoment: TensorView;
  readonly learningRate: number;
  readonly beta1: number;
  readonly beta2: number;
  readonly epsilon: number;
  readonly weightDecay: number;
  /** t, counted from 1. */
  readonly step: number;
}

export interface FusedOperations {
  rmsNorm(args: RmsNormArguments): void;
  rmsNormBackward(args: RmsNormBackwardArguments): void;
  rope(args: RopeArguments): void;
  /** out = silu(gate) ⊙ up. */
  swiglu(args: { readonly gate: TensorView; readonly up: TensorView; readonly out: TensorView }): void;
  swigluBackward(args: {
    readonly gate: TensorView;
    readonly up: TensorView;
    readonly gradOut: TensorView;
    readonly gradGate: TensorView;
    readonly gradUp: TensorView;
  }): void;
  attend(args: AttendArguments): void;
  /** Optional even where all others are there. */
  attendEach?(args: AttendEachArguments): void;
  attendBackward(args: AttendBackwardArguments): void;
  attendWeights(args: AttendWeightsArguments): void;
  crossEntropy(args: CrossEntropyArguments): void;
  crossEntropyBackward(args: CrossEntropyBackwardArguments): void;
  adamw(args: AdamWArguments): void;
}
