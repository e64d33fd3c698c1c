/**
 * Initial states of a run of positions with every product M_j E[t] computed once per distinct id instead of once per
 * position: on text a run of thousands has a third as many ids. For long appends to `tables`, where the states are
 * wanted for their norms alone; only where they come from ids, that is, without learned positions.
 */

import { Tensor } from '../tensor/tensor.ts';
import { blockInitialStates } from './context-blocks.ts';
import type { ContextModel } from './context-model.ts';
import { type IdSequence, windowTerm } from './initial-state.ts';

/** Numbers of the largest run's states: bounds scratch. */
const runSize = 1 << 20;

const shortestRun = 256;

/** The longest run whose states are worth computing at once. */
export function longestRun(hiddenSize: number): number {
  return Math.max(shortestRun, Math.floor(runSize / hiddenSize));
}

/** x of positions [start, start + count), [count, D], not normalised. */
export function runInitialStates(model: ContextModel, ids: IdSequence, start: number, count: number): Tensor {
  const { operations, weights, config, work } = model;
  const ahead = config.initialStateWindow - 1; // ids needed before the first row
  if (weights.positions !== null || ahead === 0 || count < 2) return blockInitialStates(model, ids, start, count);
  const { distinct, places } = distinctIds(ids, start - ahead, ahead + count);
  if (distinct.length >= count) return blockInitialStates(model, ids, start, count);
  work.initialStates += count;
  work.windowProducts += distinct.length * ahead;
  return operations.scope(() => {
    using rows = operations.index(distinct);
    using at = Tensor.from(operations.backend, places, [places.length], 'activations');
    const embedded = operations.embed(weights.embedding, rows); // [U, D]
    const gather = (term: Tensor, offset: number, out: Tensor, accumulate: boolean): void => {
      using ids = at.slice(ahead - offset, count);
      const whole = { pages: [term], rowsPerPage: distinct.length, stride: 1, offset: 0, width: config.hiddenSize };
      operations.backend.primitives.gatherRows({ ...whole, ids, accumulate, out });
    };
    const states = operations.allocate([count, config.hiddenSize]);
    gather(embedded, 0, states, false);
    for (let offset = 1; offset <= ahead; offset += 1) {
      operations.scope(() => gather(windowTerm(operations, weights, embedded, offset), offset, states, true));
    }
    return states;
  });
}

/** The distinct ids at positions [from, from + count) and each position's place among them; −1 before the start. */
function distinctIds(ids: IdSequence, from: number, count: number): { distinct: number[]; places: Int32Array } {
  const distinct: number[] = [];
  const placeOf = new Map<number, number>();
  const places = new Int32Array(count).fill(-1);
  for (let row = Math.max(0, -from); row < count; row += 1) {
    const id = ids.at(from + row);
    let place = placeOf.get(id);
    if (place === undefined) {
      place = distinct.push(id) - 1;
      placeOf.set(id, place);
    }
    places[row] = place;
  }
  return { distinct, places };
}
