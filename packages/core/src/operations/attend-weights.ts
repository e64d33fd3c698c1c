/** The attention weights of one query, for reading what a model attends to. */

import type { ContextView } from '../backend/context-view.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { blockEntries } from './attend.ts';
import { maskedScores, type ScoreOptions, seenExponentials, visibleEntries } from './attention-scores.ts';
import { checkQueries, checkRange, checkView } from './check-attention.ts';
import { expandEntries } from './expand-context.ts';
import type { IndexTensor } from './index-tensor.ts';
import { expectFloat, type OperationContext, produce } from './operation-context.ts';

export interface AttendWeightsOptions extends ScoreOptions {
  /** First entry. Default 0. */
  readonly from?: number;
  /** End of entries. Default: the view's length. */
  readonly to?: number;
  /** [1, H], over the whole context. */
  readonly logSumExp: Tensor;
}

/** exp(score − logSumExp) of one query [1, H, C] at each entry of [from, to): [H, to − from]; 0 where unseen. */
export function attendWeights(
  context: OperationContext,
  queries: Tensor,
  position: IndexTensor,
  view: ContextView,
  options: AttendWeightsOptions,
): Tensor {
  const { scale, slopes, logSumExp, from = 0, to = view.length } = options;
  checkView(context, 'attendWeights', view);
  checkQueries(context, 'attendWeights', queries, position, slopes, view);
  expectFloat(context, queries, 'attendWeights: the query', [1, null, view.headDim]);
  const heads = queries.shape[1] as number;
  expectFloat(context, logSumExp, 'attendWeights: logSumExp', [1, heads]);
  checkRange('attendWeights', from, to, view.length);
  const { attendWeights: fused } = context.fused;
  return produce(context, [heads, to - from], (out) => {
    if (fused === undefined) return composed(context, queries, position, view, { ...options, from, to }, out);
    fused({ queries, positions: position.tensor, context: view, from, to, slopes, scale, logSumExp, out });
  });
}

function composed(
  context: OperationContext,
  queries: Tensor,
  positions: IndexTensor,
  view: ContextView,
  { from, to, logSumExp, ...options }: AttendWeightsOptions & { readonly from: number; readonly to: number },
  out: Tensor,
): void {
  const { primitives } = context.backend;
  const heads = queries.shape[1] as number;
  primitives.fill({ out, value: 0 });
  const end = Math.min(to, visibleEntries(positions, view.firstPosition, view.length));
  for (let start = from; start < end; start += blockEntries) {
    const count = Math.min(blockEntries, end - start);
    context.scope(() => {
      const { keys } = expandEntries(context, view, start, start + count);
      const inputs = { queries, positions, keys, firstPosition: view.firstPosition + start };
      const scores = maskedScores(context, inputs, options); // [H, 1, n]
      const shift = context.own(logSumExp.reshape([heads, 1]));
      primitives.copyBlock({
        input: seenExponentials(context, scores, shift, inputs),
        inputOffset: 0,
        inputStride: count,
        out,
        outOffset: start - from,
        outStride: to - from,
        outer: heads,
        length: count,
      });
    });
  }
}
