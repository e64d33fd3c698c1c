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
import type { IndexTensor } from './index-tensor.ts';
import { matmul } from './matmul.ts';
import { permute } from './movement.ts';
import { expectFloat, type OperationContext } from './operation-context.ts';
import { reduce } from './reduce.ts';

/** Entries of a context expanded at a time by the composed attention: bounds its scratch. */
export const blockEntries = 256;

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
  const range = { from, to: Math.min(to, visibleEntries(positions, view.firstPosition, view.length)) };
  if (into === undefined) return composed(context, queries, positions, view, { scale, slopes, ...range });
  if (range.from >= range.to) return into; // nothing is seen
  context.scope(() => {
    const part = composed(context, queries, positions, view, { scale, slopes, ...range });
    copyState(context, mergeTwo(context, into, part), into);
  });
  return into;
}

/** Block by block; each part is merged with what came before. */
function composed(
  context: OperationContext,
  queries: Tensor,
  positions: IndexTensor,
  view: ContextView,
  { from, to, ...options }: ScoreOptions & { readonly from: number; readonly to: number },
): AttentionState {
  return context.scope(() => {
    let state: AttentionState | null = null;
    for (let start = from; start < to; start += blockEntries) {
      const before: AttentionState | null = state;
      state = context.scope(() => {
        const { keys, values } = expandEntries(context, view, start, Math.min(to, start + blockEntries));
        const inputs = { queries, positions, keys, firstPosition: view.firstPosition + start };
        const part = attendBlock(context, inputs, values, options);
        return before === null ? part : mergeTwo(context, before, part);
      });
      if (before !== null) for (const tensor of Object.values(before)) tensor.dispose();
    }
    return state ?? emptyState(context, queries.shape);
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
