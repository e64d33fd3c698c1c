/** The attention weights of one query, for reading what a model attends to. */

import type { ContextView } from '../backend/context-view.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { type AttendOptions, maskedScores, visibility } from './attend.ts';
import { binary, unary } from './elementwise.ts';
import { expandContext } from './expand-context.ts';
import type { IndexTensor } from './index-tensor.ts';
import { expectFloat, type OperationContext } from './operation-context.ts';

export interface AttendWeightsOptions extends Omit<AttendOptions, 'into'> {
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
  const { scale, slopes, from = 0, to = view.length } = options;
  expectFloat(queries, 'attendWeights: the query', [1, null, view.headDim]);
  const heads = queries.shape[1] as number;
  expectFloat(options.logSumExp, 'attendWeights: logSumExp', [1, heads]);
  const { attendWeights: fused } = context.fused;
  if (fused !== undefined) {
    const out = context.allocate([heads, to - from]);
    const { logSumExp } = options;
    if (out.size > 0)
      fused({ queries, positions: position.tensor, context: view, from, to, slopes, scale, logSumExp, out });
    return out;
  }
  return context.scope(() => {
    const { keys } = expandContext(context, view, from, to);
    const first = view.firstPosition + from;
    const masked = maskedScores(context, queries, position, keys, first, { scale, slopes });
    const scores = context.own(masked.reshape([heads, to - from]));
    const shifted = binary(context, 'subtract', scores, context.own(options.logSumExp.reshape([heads, 1])));
    return binary(context, 'multiply', unary(context, 'exp', shifted), visibility(context, position, to - from, first));
  });
}
