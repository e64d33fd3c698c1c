/**
 * 1/rms of the initial states of a context, from the terms M_j E[t] that they are sums of (DESIGN §3.3):
 *
 *     x_i = Σ_j T[slot(i−j) · w + j] (+ S[i]);   s_i = 1 / √(mean(x_i²) + ε);   dx_i = −(s_i³ ds_i / D) x_i
 *
 * States exist for a chunk of positions at a time, and are added up again for the gradient. S are the states of learned
 * positions, Σ_j M_j P[i−j].
 *
 * Shape letters: N positions, D hidden size, U distinct ids, w window.
 */

import type { EagerOperations, Tensor } from '@inattention/core';
import type { Recorded } from '@inattention/core/autograd';
import type { TableChunk, TableRows } from './table-rows.ts';

/** What states are sums of. */
export interface StateTerms {
  /** T, [U · w, D] */
  readonly terms: Tensor;
  /** S, [positions, D]; null unless positions are learned. */
  readonly positionStates: Tensor | null;
}

/** s, [N], and how it is differentiated: by the terms, and by the states of positions where there are any. */
export function contextScales(
  operations: EagerOperations,
  { terms, positionStates }: StateTerms,
  rows: TableRows,
  epsilon: number,
): Recorded {
  const output = operations.scope(() => {
    const scales = operations.zeros([rows.count]);
    for (const chunk of rows.chunks) {
      operations.scope(() => {
        const states = statesOf(operations, { terms, positionStates }, rows, chunk);
        operations.addInto(scalesOf(operations, scales, chunk), operations.inverseRms(states, epsilon));
      });
    }
    return scales;
  });
  return {
    output,
    backward: (run, gradient, _wanted, present) => {
      const sums = [terms, ...(positionStates === null ? [] : [positionStates])];
      const totals = sums.map((tensor, place) => present[place] ?? run.zeros(tensor.shape));
      const [forTerms, forPositions] = totals as [Tensor, Tensor?];
      const width = terms.shape[1] as number;
      run.scope(() => {
        const cubes = run.multiply(run.multiply(output, output), output);
        const factors = run.scale(run.multiply(cubes, gradient), -1 / width); // [N]
        for (const chunk of rows.chunks) {
          run.scope(() => {
            const states = statesOf(run, { terms, positionStates }, rows, chunk);
            const perRow = run.reshape(scalesOf(run, factors, chunk), [chunk.count, 1]);
            const part = run.multiply(states, perRow); // dx, [count, D]
            run.addGroupedRows(forTerms, chunk.groups, part);
            if (forPositions !== undefined) run.addInto(run.slice(forPositions, chunk.start, chunk.count), part);
          });
        }
      });
      return totals.map((total, place) => (present[place] === undefined ? total : null));
    },
  };
}

/** What belongs to a chunk of a number for every position. */
export function scalesOf(operations: EagerOperations, numbers: Tensor, { scaleStart, count }: TableChunk): Tensor {
  return operations.slice(numbers, scaleStart, count);
}

/** x of a chunk, [count, D]. */
function statesOf(
  operations: EagerOperations,
  { terms, positionStates }: StateTerms,
  { slots, window }: TableRows,
  { start, count, slotStart }: TableChunk,
): Tensor {
  const [termRows = 0, width = 0] = terms.shape;
  return operations.scope(() => {
    const states =
      positionStates === null
        ? operations.zeros([count, width])
        : operations.copy(operations.slice(positionStates, start, count));
    for (let offset = 0; offset < window; offset += 1) {
      operations.backend.primitives.gatherRows({
        pages: [terms],
        rowsPerPage: termRows,
        ids: operations.slice(slots, slotStart - offset, count),
        stride: window,
        offset,
        width,
        accumulate: true,
        out: states,
      });
    }
    return states;
  });
}
