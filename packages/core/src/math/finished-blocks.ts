/**
 * A view whose sums of rows are not yet keys and values (`rowKind` "parts"), page by page: sums are expanded, get biases
 * and the keys' norm, and are rotated; attention of the parts merges exactly. So tables serve models with normalised keys
 * at any window: what is kept are the rows, what is made anew are the keys and values of one page at a time.
 */

import type { ContextView } from '../backend/context-view.ts';
import { denseContext } from '../operations/eager-operations.ts';
import { type BlockList, pageBlocks } from './context-blocks.ts';
import type { ContextModel } from './context-model.ts';
import { finishKeysAndValues } from './context-source.ts';
import { consecutive } from './initial-state.ts';

/** The blocks of one layer's view of sums; its rotary angles are the model's. */
export function finishedBlocks(model: ContextModel, layer: number, view: ContextView): BlockList {
  const { operations, weights, config } = model;
  const parameters = weights.layers[layer] as (typeof weights.layers)[number];
  const sums = { ...view, rope: null };
  return (length) =>
    pageBlocks(0, length, (start, count) => {
      const { keys, values } = operations.scope(() => {
        const expanded = operations.expandContext(sums, start, start + count); // [count, G, C]
        const finished = finishKeysAndValues(operations, parameters, expanded, config);
        if (model.angles === null) return finished;
        using positions = operations.index(consecutive(start, count));
        return { keys: model.rotate(finished.keys, positions), values: finished.values };
      });
      return denseContext(keys, values, start);
    });
}
