/**
 * What a model is written in. `Operations<Tensor>` computes at once (eager-operations.ts); `Operations<Variable>` also
 * records for reverse-mode differentiation (autograd). One decoder serves inference and training because it is written
 * over `Operations<V>`.
 *
 * Shapes are checked here, once; a backend sees valid arguments only. Results belong to the innermost `scope` in
 * progress, or to the caller when there is none.
 */

import type { RopeAngles } from '../backend/context-view.ts';
import type { Shape } from '../tensor/shape.ts';
import type { IndexTensor } from './index-tensor.ts';

/** Options of attention over dense keys and values. */
export interface AttentionOptions {
  /** Positions of the queries, [T]. */
  readonly positions: IndexTensor;
  /** Position of key 0. */
  readonly firstPosition: number;
  /** Factor on q·k; usually 1/√C. */
  readonly scale: number;
  /** ALiBi slopes, one per query head; null for none. */
  readonly slopes: readonly number[] | null;
}

export interface Operations<V> {
  /** Shape of a value. */
  shapeOf(value: V): Shape;
  /** a + b; b has a's shape, or a suffix of it, or a's shape with trailing axes of length 1. */
  add(a: V, b: V): V;
  subtract(a: V, b: V): V;
  /** a ⊙ b, b repeating as in `add`. */
  multiply(a: V, b: V): V;
  /** factor · x. */
  scale(input: V, factor: number): V;
  /** x Wᵀ: [.., K] and [M, K] to [.., M]. `weight` may be in a storage dtype. */
  linear(input: V, weight: V): V;
  /** Rows `ids` of a table [R, D] as [n, D]; a zero row for id −1. */
  embed(table: V, ids: IndexTensor): V;
  /** RMS normalisation over the last axis, times `weight` unless null. */
  rmsNorm(input: V, weight: V | null, epsilon: number): V;
  /** Rotary position embedding of [n, heads, C] at `positions` [n]; rotate-half pairs (c, c + C/2). */
  rope(input: V, positions: IndexTensor, angles: RopeAngles): V;
  /** silu(gate) ⊙ up. */
  swiglu(gate: V, up: V): V;
  /** Causal attention of [T, H, C] over keys and values [N, G, C]: key j is seen when firstPosition + j ≤ position. */
  attention(queries: V, keys: V, values: V, options: AttentionOptions): V;
  /** Natural-log loss of each target under the softmax of its row: [n, V] to [n]. */
  crossEntropy(logits: V, targets: IndexTensor): V;
  /** Mean of all elements, as a scalar []. */
  mean(input: V): V;
  reshape(input: V, shape: Shape): V;
  /** Entries [start, start + count) of the first axis. */
  slice(input: V, start: number, count: number): V;
  /** Runs `body`; on return every value made inside, except those in the result, is disposed of. Scopes nest. */
  scope<T extends ScopeResult<V>>(body: () => T): T;
  scope(body: () => void): void;
}

/** What a scope can hand to its surroundings: a value, or a list or record of values. */
export type ScopeResult<V> = V | readonly V[] | { readonly [name: string]: V };
