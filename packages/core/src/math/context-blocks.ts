/**
 * Contexts computed block by block: states from ids, keys and values from states, and attention over views that exist
 * only for one block at a time. Scratch is one block's, whatever the length of the context.
 */

import type { ContextView } from '../backend/context-view.ts';
import type { AttentionState } from '../operations/attention-state.ts';
import { IndexTensor } from '../operations/index-tensor.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { ContextModel } from './context-model.ts';
import { projectKeysAndValues } from './context-source.ts';
import {
  consecutive,
  createIdWindow,
  type IdSequence,
  initialStates,
  type OwnedIdWindow,
  ownIdWindow,
} from './initial-state.ts';
import { contextPageLength } from './page-sizes.ts';
import type { PagedArray } from './paged-array.ts';

/** Positions per block. */
const blockLength = contextPageLength;

/** Calls `visit` for consecutive blocks of [from, to) that do not cross multiples of the block length. */
export function eachBlock(from: number, to: number, visit: (start: number, count: number) => void): void {
  for (let start = from; start < to; ) {
    const end = Math.min(to, (Math.floor(start / blockLength) + 1) * blockLength);
    visit(start, end - start);
    start = end;
  }
}

/**
 * Initial states x of positions [start, start + count), [count, D], not normalised. With `index`, the ids are taken
 * from the device's copy instead of being uploaded.
 */
export function blockInitialStates(
  model: ContextModel,
  ids: IdSequence,
  start: number,
  count: number,
  index?: PagedArray,
): Tensor {
  const { operations, weights, config, work } = model;
  const window =
    index === undefined
      ? createIdWindow(operations.backend, ids, consecutive(start, count), config)
      : pagedIdWindow(model, index, ids, start, count);
  try {
    work.initialStates += count;
    work.windowProducts += count * (config.initialStateWindow - 1);
    return operations.scope(() => initialStates(operations, weights, window));
  } finally {
    window.dispose();
  }
}

/** The id window of consecutive rows, from a device array of ids. */
function pagedIdWindow(
  model: ContextModel,
  index: PagedArray,
  ids: IdSequence,
  start: number,
  count: number,
): OwnedIdWindow {
  const { config, operations } = model;
  const rows = consecutive(start, count);
  const ahead = config.initialStateWindow - 1; // ids needed before the first row
  const known = Math.min(start, ahead);
  using block = Tensor.allocate(operations.backend, [ahead + count], 'i32', 'activations');
  using beforeStart = block.slice(0, ahead - known);
  operations.backend.primitives.fill({ out: beforeStart, value: -1 });
  index.read(start - known, known + count, block, ahead - known);
  return ownIdWindow(operations.backend, [{ sequence: ids, positions: rows }], config, (values, offset) =>
    IndexTensor.over(values, block.slice(ahead - offset, count)),
  );
}

/** Context states x̂ of positions [start, start + count), [count, D]. */
export function blockContextStates(
  model: ContextModel,
  ids: IdSequence,
  start: number,
  count: number,
  index?: PagedArray,
): Tensor {
  const { operations, config } = model;
  return operations.scope(() =>
    operations.rmsNorm(blockInitialStates(model, ids, start, count, index), null, config.rmsNormEps),
  );
}

/** Keys (rotated) and values of context states x̂ [n, D] at positions from `start` on, in one layer: [n, G, C]. */
export function blockKeysAndValues(
  model: ContextModel,
  layer: number,
  states: Tensor,
  start: number,
): { keys: Tensor; values: Tensor } {
  const { operations, weights, config, work } = model;
  const parameters = weights.layers[layer] as (typeof weights.layers)[number];
  const count = states.shape[0] as number;
  work.projectedPositions += count;
  return operations.scope(() => {
    const inputs = operations.multiply(states, parameters.norm); // g ⊙ x̂
    const { keys, values } = projectKeysAndValues(operations, parameters, inputs, config);
    if (model.angles === null) return { keys, values };
    using positions = operations.index(consecutive(start, count));
    return { keys: model.rotate(keys, positions), values };
  });
}

/** How many of `length` positions the query that sees furthest sees. */
export function visibleLength(positions: IndexTensor, length: number): number {
  return Math.min(length, positions.values.reduce((last, position) => Math.max(last, position), -1) + 1);
}

/** Attention over a whole view: [T, H, C]. */
export function attendView(model: ContextModel, queries: Tensor, positions: IndexTensor, view: ContextView): Tensor {
  const { operations } = model;
  return operations.scope(() => operations.attend(queries, positions, view, attendOptions(model)).out);
}

/** Attention of query t of [T, H, C] (rotated) at `positions[t]` over all of `views[t]`: [T, H, C]. */
export function attendViews(
  model: ContextModel,
  queries: Tensor,
  positions: IndexTensor,
  views: readonly ContextView[],
): Tensor {
  return model.operations.attendEach(queries, positions, views, attendOptions(model));
}

/** What attention [T, H, C] over values without their bias lacks: b_V of each head's group, since weights add up to 1. */
export function addValueBias({ operations, config, weights }: ContextModel, layer: number, attended: Tensor): Tensor {
  const bias = weights.layers[layer]?.valueBias ?? null;
  if (bias === null) return attended;
  const { numAttentionHeads: heads, numKeyValueHeads: groups, headDim } = config;
  return operations.scope(() => {
    using group = operations.index(
      Int32Array.from({ length: heads }, (_, head) => Math.floor((head * groups) / heads)),
    );
    const perHead = operations.embed(operations.reshape(bias, [groups, headDim]), group); // [H, C]
    return operations.add(attended, perHead);
  });
}

/** A part of a context, as attention reads it once it is computed. */
export interface ContextBlock {
  readonly start: number;
  readonly count: number;
  /** Entries of the view before the block's own, not to be attended to. */
  readonly lead: number;
  /** Computes the view, in the caller's scope. */
  makeView(): ContextView;
}

/** The blocks of positions [0, length), in order. */
export type BlockList = (length: number) => Iterable<ContextBlock>;

/** Blocks of keys and values of [from, to) that do not cross pages, whose view `makeView` computes. */
export function pageBlocks(
  from: number,
  to: number,
  makeView: (start: number, count: number) => ContextView,
): ContextBlock[] {
  const blocks: ContextBlock[] = [];
  eachBlock(from, to, (start, count) => {
    blocks.push({ start, count, lead: 0, makeView: () => makeView(start, count) });
  });
  return blocks;
}

/** Attention over the blocks of a context; the parts merge exactly. */
export function attendBlocks(
  model: ContextModel,
  queries: Tensor,
  positions: IndexTensor,
  length: number,
  blocks: BlockList,
): Tensor {
  return model.operations.scope(() => attendBlocksState(model, queries, positions, length, blocks).out);
}

function attendBlocksState(
  model: ContextModel,
  queries: Tensor,
  positions: IndexTensor,
  length: number,
  blocks: BlockList,
): AttentionState {
  const { operations } = model;
  let state: AttentionState | undefined;
  for (const { lead, makeView } of blocks(visibleLength(positions, length))) {
    const into = state;
    state = operations.scope(() => {
      const options = { ...attendOptions(model), from: lead, ...(into && { into }) };
      return operations.attend(queries, positions, makeView(), options);
    });
  }
  return state as AttentionState;
}

/** The attention weights of one query over a whole view: [H, N]. */
export function weightsOverView(
  model: ContextModel,
  queries: Tensor,
  position: IndexTensor,
  view: ContextView,
): Tensor {
  const { operations } = model;
  const options = attendOptions(model);
  return operations.scope(() => {
    const logSumExp = operations.logSumExp(operations.attend(queries, position, view, options));
    return operations.attendWeights(queries, position, view, { ...options, logSumExp });
  });
}

/** The attention weights of one query over the blocks of a context: [H, N]. */
export function weightsOverBlocks(
  model: ContextModel,
  queries: Tensor,
  position: IndexTensor,
  length: number,
  blocks: BlockList,
): Tensor {
  const { operations, config } = model;
  const heads = config.numAttentionHeads;
  return operations.scope(() => {
    const state = attendBlocksState(model, queries, position, length, blocks);
    const logSumExp = operations.logSumExp(state);
    const weights = operations.zeros([heads, length]);
    for (const { start, count, lead, makeView } of blocks(length)) {
      operations.scope(() => {
        const options = { ...attendOptions(model), from: lead, logSumExp };
        operations.backend.primitives.copyBlock({
          input: operations.attendWeights(queries, position, makeView(), options), // [H, count]
          inputOffset: 0,
          inputStride: count,
          out: weights,
          outOffset: start,
          outStride: length,
          outer: heads,
          length: count,
        });
      });
    }
    return weights;
  });
}

/** Scale and slopes of the model's attention. */
function attendOptions(model: ContextModel): { scale: number; slopes: Tensor | null } {
  return { scale: 1 / Math.sqrt(model.config.headDim), slopes: model.slopes };
}
