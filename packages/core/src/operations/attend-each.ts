/** Attention of several queries, each over a context of its own: the backend's fused version, or one after the other. */

import type { ContextView } from '../backend/context-view.ts';
import { ShapeError } from '../errors/errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { attend } from './attend.ts';
import type { ScoreOptions } from './attention-scores.ts';
import { checkQueries, checkView } from './check-attention.ts';
import { IndexTensor } from './index-tensor.ts';
import type { OperationContext } from './operation-context.ts';

/** Attention of query t of [T, H, C], at `positions[t]`, over all of `views[t]`: [T, H, C]. */
export function attendEach(
  context: OperationContext,
  queries: Tensor,
  positions: IndexTensor,
  views: readonly ContextView[],
  { scale, slopes }: ScoreOptions,
): Tensor {
  if (views.length !== positions.length) {
    throw new ShapeError({
      what: 'attendEach needs a context for each query.',
      got: `${views.length} contexts for ${positions.length} queries`,
    });
  }
  const [first] = views;
  for (const view of views) {
    checkView(context, 'attendEach', view);
    checkQueries(context, 'attendEach', queries, positions, slopes, view);
    if (view.kvHeads === first?.kvHeads) continue;
    throw new ShapeError({
      what: 'attendEach: contexts differ in their key heads.',
      got: `${view.kvHeads} and ${first?.kvHeads}`,
    });
  }
  const { attendEach: fused } = context.fused;
  return context.scope(() => {
    const out = context.allocate(queries.shape);
    if (out.size === 0) return out;
    if (fused !== undefined && views.every(({ length }) => length > 0)) {
      fused({ queries, positions: positions.tensor, contexts: views, slopes, scale, out });
      return out;
    }
    views.forEach((view, place) => {
      context.scope(() => {
        const slice = (tensor: Tensor) => context.own(tensor.slice(place, 1));
        const position = IndexTensor.over(positions.values.subarray(place, place + 1), slice(positions.tensor));
        const one = attend(context, slice(queries), position, view, { scale, slopes });
        context.backend.primitives.cast({ input: one.out, out: slice(out) });
      });
    });
    return out;
  });
}
