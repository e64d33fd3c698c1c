/**
 * Attention over a context view: the backend's fused version, or blocks of entries expanded to dense keys and values,
 * attended to and merged. No score matrix for the whole of the context ever exists.
 */

import type { ContextView } from '../backend/context-view.ts';
import { Tensor } from '../tensor/tensor.ts';
import {
  maskedScores,
  type ScoreInputs,
  type ScoreOptions,
  seenExponentials,
  ungroupHeads,
  visibleEntries,
} from './attention-scores.ts';
import {
  type AttentionState,
  copyState,
  emptyState,
  expectState,
  lowestFloat,
  mergeTwo,
  normalise,
} from './attention-state.ts';
import { checkQueries, checkRange, checkView } from './check-attention.ts';
import { binary } from './elementwise.ts';
import { expandEntries } from './expand-context.ts';
import { IndexTensor } from './index-tensor.ts';
import { matmul } from './matmul.ts';
import { permute } from './movement.ts';
import { expectFloat, type OperationContext } from './operation-context.ts';
import { reduce } from './reduce.ts';

/** Entries of a context expanded at a time by the composed attention: bounds its scratch. */
export const blockEntries = 256;

/** Queries scored at a time: with `blockEntries` it bounds the scratch of the composed attention, whatever T and N. */
export const tileQueries = 64;

export interface AttendOptions extends ScoreOptions {
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
  const { scale, slopes, from = 0, to = view.length, into } = options;
  checkView(context, 'attend', view);
  checkQueries(context, 'attend', queries, positions, slopes, view);
  checkRange('attend', from, to, view.length);
  if (into !== undefined) {
    expectState(context, into, 'attend: the state to fold into');
    expectFloat(context, into.out, 'attend: the output to fold into', queries.shape);
  }
  if (queries.size === 0 || from === to) return into ?? emptyState(context, queries.shape);
  const { attend: fused } = context.fused;
  if (fused !== undefined) {
    return context.scope(() => {
      const [rows, heads] = queries.shape as readonly [number, number, number];
      const state = into ?? {
        out: context.allocate(queries.shape),
        max: context.allocate([rows, heads]),
        sum: context.allocate([rows, heads]),
      };
      const accumulate = into !== undefined;
      const run = { queries, positions: positions.tensor, context: view, from, to, slopes, scale, accumulate };
      fused({ ...run, ...state });
      return state;
    });
  }
  const end = Math.min(to, visibleEntries(positions, view.firstPosition, view.length));
  return context.scope(() => {
    const state = into ?? emptyState(context, queries.shape);
    const fresh = into === undefined ? from : null;
    for (let start = from; start < end; start += blockEntries) {
      const run = { queries, positions, view, start, end: Math.min(end, start + blockEntries) };
      foldBlock(context, run, { scale, slopes }, state, start === fresh);
    }
    return state;
  });
}

/** Folds entries [start, end) into `state`, a tile of queries at a time; `fresh` when the state holds nothing yet. */
function foldBlock(
  context: OperationContext,
  run: {
    readonly queries: Tensor;
    readonly positions: IndexTensor;
    readonly view: ContextView;
    readonly start: number;
    readonly end: number;
  },
  options: ScoreOptions,
  state: AttentionState,
  fresh: boolean,
): void {
  const { queries, positions, view, start, end } = run;
  const firstPosition = view.firstPosition + start;
  context.scope(() => {
    const { keys, values } = expandEntries(context, view, start, end);
    for (let first = 0; first < positions.length; first += tileQueries) {
      const count = Math.min(tileQueries, positions.length - first);
      const numbers = positions.values.subarray(first, first + count);
      if (numbers.every((position) => position < firstPosition)) continue; // nothing is seen
      context.scope(() => {
        const slice = (tensor: Tensor) => context.own(tensor.slice(first, count));
        const tile = { queries: slice(queries), positions: IndexTensor.over(numbers, slice(positions.tensor)) };
        const target = { out: slice(state.out), max: slice(state.max), sum: slice(state.sum) };
        const part = attendBlock(context, { ...tile, keys, firstPosition }, values, options);
        copyState(context, fresh ? part : mergeTwo(context, target, part), target);
      });
    }
  });
}

/** Attention over one block of dense keys and values [n, G, C]. */
function attendBlock(
  context: OperationContext,
  inputs: ScoreInputs,
  values: Tensor,
  options: ScoreOptions,
): AttentionState {
  const { queries, positions, firstPosition } = inputs;
  const [rows, heads] = queries.shape as readonly [number, number, number];
  const [entries, kvHeads] = values.shape as readonly [number, number, number];
  const scores = maskedScores(context, inputs, options); // [H, T, n]
  const max = reduce(context, 'max', scores, 2); // [H, T]
  const exponentials = seenExponentials(context, scores, max, inputs); // [H, T, n]
  const sum = permute(context, reduce(context, 'sum', exponentials, 2), [1, 0]); // [T, H]
  const grouped = context.own(exponentials.reshape([kvHeads, (heads / kvHeads) * rows, entries]));
  const weighted = matmul(context, grouped, permute(context, values, [1, 0, 2])); // [G, H/G · T, C]
  return {
    out: normalise(context, ungroupHeads(context, weighted, rows, heads), sum),
    max: seenMaximum(context, permute(context, max, [1, 0]), positions, firstPosition),
    sum,
  };
}

/** Maxima [T, H], replaced by the lowest float where the query sees nothing of the block. */
function seenMaximum(context: OperationContext, max: Tensor, positions: IndexTensor, firstPosition: number): Tensor {
  const [rows, heads] = max.shape as readonly [number, number];
  if (positions.values.every((position) => position >= firstPosition)) return max;
  const perQuery = (seen: number, unseen: number) => {
    const data = Float32Array.from({ length: rows * heads }, (_, i) =>
      (positions.values[Math.floor(i / heads)] as number) >= firstPosition ? seen : unseen,
    );
    return context.own(Tensor.from(context.backend, data, [rows, heads], 'scratch'));
  };
  return binary(context, 'add', binary(context, 'multiply', max, perQuery(1, 0)), perQuery(0, lowestFloat));
}
