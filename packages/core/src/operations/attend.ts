/**
 * Attention over a context view, and the exact merge of its parts: softmax over parts merges from (max, sum, weighted
 * value), so a context can exceed any single buffer and no score matrix for the whole of it ever exists
 * (Milakov & Gimelshein, arXiv 1805.02867; Dao et al., arXiv 2205.14135).
 */

import type { ContextView } from '../backend/context-view.ts';
import { InvalidArgumentError, ShapeError } from '../errors/errors.ts';
import { formatShape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { binary, unary } from './elementwise.ts';
import { type DenseContext, expandContext } from './expand-context.ts';
import type { IndexTensor } from './index-tensor.ts';
import { matmul } from './matmul.ts';
import { cast, permute } from './movement.ts';
import { expectFloat, type OperationContext } from './operation-context.ts';
import { reduce } from './reduce.ts';

/** The lowest finite f32: the maximum of no scores. */
export const lowestFloat = -3.4028234663852886e38;

/** Entries of a context expanded at a time by the composed attention: bounds its scratch. */
const blockEntries = 256;

/** Attention so far, per query and head: normalised output [T, H, C], maximum score [T, H], sum of exponentials [T, H]. */
export type AttentionState = {
  readonly out: Tensor;
  readonly max: Tensor;
  readonly sum: Tensor;
};

export interface AttendOptions {
  /** Factor on q·k; usually 1/√C. */
  readonly scale: number;
  /** ALiBi slopes [H]; null for none. */
  readonly slopes: Tensor | null;
  /** First entry. Default 0. */
  readonly from?: number;
  /** End of entries. Default: the view's length. */
  readonly to?: number;
  /** Folds the entries into this state, in place, instead of making a new one. */
  readonly into?: AttentionState;
}

/** Attention of queries [T, H, C] at `positions` [T] over entries of a view. */
export function attend(
  context: OperationContext,
  queries: Tensor,
  positions: IndexTensor,
  view: ContextView,
  options: AttendOptions,
): AttentionState {
  const { from, to } = checkAttend(queries, positions, view, options);
  const [rows, heads] = queries.shape as readonly [number, number, number];
  const { attend: fused } = context.fused;
  const state = options.into ?? {
    out: context.allocate(queries.shape),
    max: context.allocate([rows, heads]),
    sum: context.allocate([rows, heads]),
  };
  if (fused !== undefined) {
    fused({
      queries,
      positions: positions.tensor,
      context: view,
      from,
      to,
      slopes: options.slopes,
      scale: options.scale,
      accumulate: options.into !== undefined,
      ...state,
    });
    return state;
  }
  if (options.into === undefined) reset(context, state);
  for (let start = from; start < to; start += blockEntries) {
    const end = Math.min(to, start + blockEntries);
    context.scope(() => {
      const dense = expandContext(context, view, start, end);
      const part = attendDense(context, queries, positions, dense, view.firstPosition + start, options);
      const merged = mergeTwo(context, state, part);
      copyInto(context, merged, state);
    });
  }
  return state;
}

/** log Σ exp(score) per query and head, [T, H]. Undefined where nothing was visible. */
export function logSumExp(context: OperationContext, state: AttentionState): Tensor {
  return context.scope(() => binary(context, 'add', state.max, unary(context, 'log', state.sum)));
}

/** The state of all parts together. */
export function mergeAttention(context: OperationContext, states: readonly AttentionState[]): AttentionState {
  const [first, ...others] = states;
  if (first === undefined) throw new InvalidArgumentError({ what: 'mergeAttention needs at least one part.' });
  const [out, max, sum] = context.scope(() => {
    const merged = others.reduce((state, part) => mergeTwo(context, state, part), first);
    const copy = (tensor: Tensor) => (others.length === 0 ? cast(context, tensor, 'f32') : tensor);
    return [copy(merged.out), copy(merged.max), copy(merged.sum)] as const;
  });
  return { out, max, sum };
}

/** Scores [H, T, n] of queries against dense keys, masked, with distance penalties. */
export function maskedScores(
  context: OperationContext,
  queries: Tensor,
  positions: IndexTensor,
  keys: Tensor,
  firstPosition: number,
  { scale, slopes }: Pick<AttendOptions, 'scale' | 'slopes'>,
): Tensor {
  const [rows, heads, headDim] = queries.shape as readonly [number, number, number];
  const [entries, kvHeads] = keys.shape as readonly [number, number, number];
  const grouped = context.own(
    permute(context, queries, [1, 0, 2]).reshape([kvHeads, (heads / kvHeads) * rows, headDim]), // [H, T, C] -> [G, H/G · T, C]
  );
  const byHead = permute(context, keys, [1, 0, 2]); // [G, n, C]
  const products = matmul(context, grouped, byHead, { transposeB: true, scale }); // [G, H/G · T, n]
  const scores = context.own(products.reshape([heads, rows * entries]));
  const { mask, distance } = distances(context, positions, entries, firstPosition); // [T · n]
  const masked = binary(context, 'add', scores, mask);
  if (slopes === null) return context.own(masked.reshape([heads, rows, entries]));
  const repeated = repeatOver(context, distance, heads); // [H, T · n]
  const penalty = binary(context, 'multiply', repeated, context.own(slopes.reshape([heads, 1])));
  return context.own(binary(context, 'subtract', masked, penalty).reshape([heads, rows, entries]));
}

/** 1 where a query sees an entry, else 0, [T · n]; multiplied in so that the unseen weigh exactly nothing. */
export function visibility(
  context: OperationContext,
  positions: IndexTensor,
  entries: number,
  firstPosition: number,
): Tensor {
  return hostTable(context, positions, entries, firstPosition, (distance) => (distance >= 0 ? 1 : 0));
}

function attendDense(
  context: OperationContext,
  queries: Tensor,
  positions: IndexTensor,
  { keys, values }: DenseContext,
  firstPosition: number,
  options: AttendOptions,
): AttentionState {
  const [rows, heads, headDim] = queries.shape as readonly [number, number, number];
  const [entries, kvHeads] = keys.shape as readonly [number, number, number];
  const scores = maskedScores(context, queries, positions, keys, firstPosition, options); // [H, T, n]
  const max = reduce(context, 'max', scores, 2); // [H, T]
  const shifted = binary(context, 'subtract', scores, context.own(max.reshape([heads, rows, 1])));
  const seen = visibility(context, positions, entries, firstPosition);
  const flat = context.own(unary(context, 'exp', shifted).reshape([heads, rows * entries]));
  const weights = context.own(binary(context, 'multiply', flat, seen).reshape([heads, rows, entries]));
  const sum = reduce(context, 'sum', weights, 2); // [H, T]
  const grouped = context.own(weights.reshape([kvHeads, (heads / kvHeads) * rows, entries]));
  const weighted = matmul(context, grouped, permute(context, values, [1, 0, 2])); // [G, H/G · T, C]
  const perHead = context.own(weighted.reshape([heads, rows, headDim]));
  const perQuery = context.own(permute(context, perHead, [1, 0, 2]).reshape([rows * heads, headDim]));
  const sumByQuery = permute(context, sum, [1, 0]); // [T, H]
  // max(sum, tiny) keeps 0 / 0 from arising where nothing is seen; a seen maximum alone makes sum ≥ 1.
  const divisor = context.own(floorAt(context, sumByQuery).reshape([rows * heads, 1]));
  const seenMax = maskedMax(context, permute(context, max, [1, 0]), positions, firstPosition);
  return {
    out: context.own(binary(context, 'divide', perQuery, divisor).reshape([rows, heads, headDim])),
    max: seenMax,
    sum: sumByQuery,
  };
}

/** Both parts weighed by exp(max − common max) · sum. */
function mergeTwo(context: OperationContext, a: AttentionState, b: AttentionState): AttentionState {
  const [rows, heads, headDim] = a.out.shape as readonly [number, number, number];
  const max = larger(context, a.max, b.max);
  const weightOf = (state: AttentionState) =>
    binary(context, 'multiply', unary(context, 'exp', binary(context, 'subtract', state.max, max)), state.sum);
  const weightA = weightOf(a);
  const weightB = weightOf(b);
  const sum = binary(context, 'add', weightA, weightB); // [T, H]
  const perRow = (tensor: Tensor) => context.own(tensor.reshape([rows * heads, 1]));
  const flat = (tensor: Tensor) => context.own(tensor.reshape([rows * heads, headDim]));
  const total = binary(
    context,
    'add',
    binary(context, 'multiply', flat(a.out), perRow(weightA)),
    binary(context, 'multiply', flat(b.out), perRow(weightB)),
  );
  const out = binary(context, 'divide', total, perRow(floorAt(context, sum)));
  return { out: context.own(out.reshape(a.out.shape)), max, sum };
}

/** Elementwise maximum, by reducing the two side by side. */
function larger(context: OperationContext, a: Tensor, b: Tensor): Tensor {
  const both = context.allocate([2, a.size]);
  [a, b].forEach((input, row) => {
    context.backend.primitives.copyBlock({
      input,
      inputOffset: 0,
      inputStride: 0,
      out: both,
      outOffset: row * a.size,
      outStride: 0,
      outer: 1,
      length: a.size,
    });
  });
  return context.own(reduce(context, 'max', both, 0).reshape(a.shape));
}

/** The tensor, with zeros raised to the smallest normal f32. */
function floorAt(context: OperationContext, tensor: Tensor): Tensor {
  const least = context.allocate(tensor.shape);
  context.backend.primitives.fill({ out: least, value: 1.1754943508222875e-38 });
  return larger(context, tensor, least);
}

/** Maxima [T, H], replaced by the lowest float where the query sees nothing. */
function maskedMax(context: OperationContext, max: Tensor, positions: IndexTensor, firstPosition: number): Tensor {
  const [rows, heads] = max.shape as readonly [number, number];
  if (positions.values.every((position) => position >= firstPosition)) return max;
  const upload = (data: Float32Array) => context.own(Tensor.from(context.backend, data, [rows, heads], 'scratch'));
  const seen = (position: number) => position >= firstPosition;
  const spread = (value: (position: number) => number) =>
    upload(
      Float32Array.from({ length: rows * heads }, (_, i) => value(positions.values[Math.floor(i / heads)] as number)),
    );
  const keep = spread((position) => (seen(position) ? 1 : 0));
  const lowest = spread((position) => (seen(position) ? 0 : lowestFloat));
  return binary(context, 'add', binary(context, 'multiply', max, keep), lowest);
}

function distances(context: OperationContext, positions: IndexTensor, entries: number, firstPosition: number) {
  return {
    mask: hostTable(context, positions, entries, firstPosition, (distance) => (distance >= 0 ? 0 : -1e30)),
    distance: hostTable(context, positions, entries, firstPosition, (distance) => Math.max(0, distance)),
  };
}

/** A number per (query, entry) from the distance between them, [T · n]. */
function hostTable(
  context: OperationContext,
  positions: IndexTensor,
  entries: number,
  firstPosition: number,
  value: (distance: number) => number,
): Tensor {
  const data = new Float32Array(positions.length * entries);
  positions.values.forEach((position, row) => {
    for (let entry = 0; entry < entries; entry += 1) {
      data[row * entries + entry] = value(position - firstPosition - entry);
    }
  });
  return context.own(Tensor.from(context.backend, data, [data.length], 'scratch'));
}

function repeatOver(context: OperationContext, row: Tensor, times: number): Tensor {
  const out = context.allocate([times, row.size]);
  context.backend.primitives.copyBlock({
    input: row,
    inputOffset: 0,
    inputStride: 0,
    out,
    outOffset: 0,
    outStride: row.size,
    outer: times,
    length: row.size,
  });
  return out;
}

function reset(context: OperationContext, state: AttentionState): void {
  context.backend.primitives.fill({ out: state.out, value: 0 });
  context.backend.primitives.fill({ out: state.max, value: lowestFloat });
  context.backend.primitives.fill({ out: state.sum, value: 0 });
}

function copyInto(context: OperationContext, from: AttentionState, to: AttentionState): void {
  for (const part of ['out', 'max', 'sum'] as const) {
    context.backend.primitives.cast({ input: from[part], out: to[part] });
  }
}

function checkAttend(
  queries: Tensor,
  positions: IndexTensor,
  view: ContextView,
  { from = 0, to = view.length, slopes }: AttendOptions,
): { from: number; to: number } {
  expectFloat(queries, 'attend: the queries', [positions.length, null, view.headDim]);
  const heads = queries.shape[1] as number;
  if (heads % view.kvHeads !== 0) {
    throw new ShapeError({
      what: 'attend: query heads must be a multiple of key heads.',
      got: `${formatShape(queries.shape)} over ${view.kvHeads} key heads`,
    });
  }
  if (slopes !== null) expectFloat(slopes, 'attend: the slopes', [heads]);
  if (!(Number.isInteger(from) && Number.isInteger(to) && from >= 0 && from <= to && to <= view.length)) {
    throw new InvalidArgumentError({
      what: 'attend was given an impossible range of entries.',
      got: `${from} … ${to}`,
      expected: `within 0 … ${view.length}`,
    });
  }
  return { from, to };
}
