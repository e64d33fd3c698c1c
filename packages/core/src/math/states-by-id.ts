/**
 * Initial states of many positions with every product M_j E[t] computed once per distinct id instead of once per
 * position: on text a run of thousands has a third as many ids. Attention in mode `ids` reads them so where that is less
 * work. Only where states come from ids, that is, without learned positions.
 */

import type { Tensor } from '../tensor/tensor.ts';
import type { ContextModel } from './context-model.ts';
import { type IdSequence, windowTerm } from './initial-state.ts';

/** The ids of a block, each once, and where each position finds its own. */
export interface DistinctIds {
  /** U ids in the order of their first occurrence. */
  readonly ids: Int32Array;
  /** Place in `ids` of the w−1 positions before the block (−1 before the start) and of its own, [w−1 + count]. */
  readonly slots: Int32Array;
}

/** The distinct ids of positions [start, start + count) and the `window` − 1 before them. */
export function distinctIdsOf(sequence: IdSequence, start: number, count: number, window: number): DistinctIds {
  const ahead = window - 1;
  const slotOf = new Map<number, number>();
  const slots = new Int32Array(ahead + count).fill(-1);
  for (let place = Math.max(0, ahead - start); place < slots.length; place += 1) {
    const id = sequence.at(start - ahead + place);
    let slot = slotOf.get(id);
    if (slot === undefined) {
      slot = slotOf.size;
      slotOf.set(id, slot);
    }
    slots[place] = slot;
  }
  return { ids: Int32Array.from(slotOf.keys()), slots };
}

/** M_j E[ids] for each offset j, [U, D] each. */
export function termsOf({ operations, config, weights, work }: ContextModel, ids: Int32Array): Tensor[] {
  work.windowProducts += ids.length * (config.initialStateWindow - 1);
  return operations.scope(() => {
    using distinct = operations.index(ids);
    const embedded = operations.embed(weights.embedding, distinct);
    return Array.from({ length: config.initialStateWindow }, (_, offset) =>
      windowTerm(operations, weights, embedded, offset),
    );
  });
}

/** Σ_j terms[j] of positions [start, start + count) of the block, [count, D]. */
export function sumTerms(
  { operations, config }: ContextModel,
  terms: readonly Tensor[],
  slots: Tensor,
  start: number,
  count: number,
): Tensor {
  const width = config.hiddenSize;
  const ahead = terms.length - 1;
  return operations.scope(() => {
    const states = operations.allocate([count, width]);
    terms.forEach((term, offset) => {
      operations.backend.primitives.gatherRows({
        pages: [term],
        rowsPerPage: term.shape[0] as number,
        ids: operations.slice(slots, ahead + start - offset, count),
        stride: 1,
        offset: 0,
        width,
        accumulate: offset > 0,
        out: states,
      });
    });
    return states;
  });
}

/** Initial states of a block from the terms of its distinct ids, a run of positions at a time. */
export interface StatesByIds {
  /** x of positions [start, start + count) of the block, [count, D], not normalised, in the caller's scope. */
  rows(start: number, count: number): Tensor;
  dispose(): void;
}

/** The products M_j E[t] of a block's distinct ids; they are the caller's scope's, unless disposed of before. */
export function statesByIds(model: ContextModel, { ids, slots }: DistinctIds): StatesByIds {
  const { operations } = model;
  const index = operations.upload(slots, [slots.length], 'scratch');
  const terms = termsOf(model, ids);
  return {
    rows(start, count) {
      model.work.initialStates += count;
      return sumTerms(model, terms, index, start, count);
    },
    dispose() {
      for (const tensor of [index, ...terms]) tensor.dispose();
    },
  };
}
