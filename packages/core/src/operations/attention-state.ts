/**
 * Attention so far, and its exact merge: softmax over parts merges from (maximum, sum, weighted value), so a context
 * can exceed any single buffer and no score matrix for the whole of it ever exists (Milakov & Gimelshein,
 * arXiv 1805.02867; Dao et al., arXiv 2205.14135).
 */

import { InvalidArgumentError } from '../errors/errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { binary, unary } from './elementwise.ts';
import { cast } from './movement.ts';
import { expectFloat, type OperationContext, produce } from './operation-context.ts';
import { reduce } from './reduce.ts';

/** The lowest finite f32: the maximum of no scores. */
export const lowestFloat = -3.4028234663852886e38;

/** The smallest normal f32: the divisor of a sum over nothing. */
const leastNormal = 1.1754943508222875e-38;

/**
 * Per query and head: normalised output [T, H, C], maximum score [T, H], sum of exp(score − maximum) [T, H]. Where
 * nothing was visible: 0, the lowest f32, 0.
 */
export type AttentionState = {
  readonly out: Tensor;
  readonly max: Tensor;
  readonly sum: Tensor;
};

/** Throws unless the state is one of queries of shape [T, H, C]. */
export function expectState(context: OperationContext, { out, max, sum }: AttentionState, where: string): void {
  expectFloat(context, out, `${where}: the output`, [null, null, null]);
  expectFloat(context, max, `${where}: the maximum`, out.shape.slice(0, 2));
  expectFloat(context, sum, `${where}: the sum`, out.shape.slice(0, 2));
}

/** The state of queries [T, H, C] that have seen nothing. */
export function emptyState(context: OperationContext, shape: readonly number[]): AttentionState {
  const filled = (dimensions: readonly number[], value: number) =>
    produce(context, dimensions, (out) => context.backend.primitives.fill({ out, value }));
  return context.scope(() => ({
    out: filled(shape, 0),
    max: filled(shape.slice(0, 2), lowestFloat),
    sum: filled(shape.slice(0, 2), 0),
  }));
}

/** Overwrites one state with another. */
export function copyState(context: OperationContext, from: AttentionState, to: AttentionState): void {
  if (to.out.size === 0) return;
  for (const part of ['out', 'max', 'sum'] as const) {
    context.backend.primitives.cast({ input: from[part], out: to[part] });
  }
}

/** log Σ exp(score) per query and head, [T, H]; the lowest f32 where nothing was visible. */
export function logSumExp(context: OperationContext, state: AttentionState): Tensor {
  expectState(context, state, 'logSumExp');
  // lowestFloat + log(leastNormal) rounds to lowestFloat.
  return context.scope(() =>
    binary(context, 'add', state.max, unary(context, 'log', atLeast(context, state.sum, leastNormal))),
  );
}

/** The state of all parts together, in new tensors. */
export function mergeAttention(context: OperationContext, states: readonly AttentionState[]): AttentionState {
  const [first, ...others] = states;
  if (first === undefined) throw new InvalidArgumentError({ what: 'mergeAttention needs at least one part.' });
  for (const state of states) {
    expectState(context, state, 'mergeAttention');
    expectFloat(context, state.out, 'mergeAttention: the output of a part', first.out.shape);
  }
  return context.scope(() => {
    const merged = others.reduce((state, part) => mergeTwo(context, state, part), first);
    if (merged !== first) return merged;
    const copy = (tensor: Tensor) => cast(context, tensor, 'f32');
    return { out: copy(first.out), max: copy(first.max), sum: copy(first.sum) };
  });
}

/** Both parts weighed by exp(max − common max) · sum. */
export function mergeTwo(context: OperationContext, a: AttentionState, b: AttentionState): AttentionState {
  const [rows, heads, headDim] = a.out.shape as readonly [number, number, number];
  return context.scope(() => {
    const max = larger(context, a.max, b.max);
    const weightOf = (state: AttentionState) =>
      binary(context, 'multiply', unary(context, 'exp', binary(context, 'subtract', state.max, max)), state.sum);
    const weightA = weightOf(a);
    const weightB = weightOf(b);
    const sum = binary(context, 'add', weightA, weightB); // [T, H]
    const perRow = (tensor: Tensor) => context.own(tensor.reshape([rows * heads, 1]));
    const flat = (tensor: Tensor) => context.own(tensor.reshape([rows * heads, headDim]));
    const weighted = (state: AttentionState, weight: Tensor) =>
      binary(context, 'multiply', flat(state.out), perRow(weight));
    const total = binary(context, 'add', weighted(a, weightA), weighted(b, weightB));
    const out = binary(context, 'divide', total, perRow(atLeast(context, sum, leastNormal)));
    return { out: context.own(out.reshape(a.out.shape)), max, sum };
  });
}

/** out = total / sum per query and head; 0 where the sum is. */
export function normalise(context: OperationContext, total: Tensor, sum: Tensor): Tensor {
  const [rows, heads, headDim] = total.shape as readonly [number, number, number];
  return context.scope(() => {
    const flat = context.own(total.reshape([rows * heads, headDim]));
    const divisor = context.own(atLeast(context, sum, leastNormal).reshape([rows * heads, 1]));
    return context.own(binary(context, 'divide', flat, divisor).reshape(total.shape));
  });
}

/** max(tensor, bound). */
function atLeast(context: OperationContext, tensor: Tensor, bound: number): Tensor {
  const bounds = produce(context, tensor.shape, (out) => context.backend.primitives.fill({ out, value: bound }));
  return larger(context, tensor, bounds);
}

/** Elementwise maximum, by reducing the two side by side. */
function larger(context: OperationContext, a: Tensor, b: Tensor): Tensor {
  const { copyBlock } = context.backend.primitives;
  const both = produce(context, [2, a.size], (out) => {
    const run = { inputOffset: 0, inputStride: 0, outStride: 0, outer: 1, length: a.size };
    copyBlock({ ...run, input: a, out, outOffset: 0 });
    copyBlock({ ...run, input: b, out, outOffset: a.size });
  });
  return context.own(reduce(context, 'max', both, 0).reshape(a.shape));
}
