/**
 * A block of positions by the rows of its distinct ids: k_i = (1/rms_i) Σ_{j<w} K_j[t_{i−j}] with K_j = W_K (g ⊙ M_j E)
 * (DESIGN §3), v likewise, so U ids cost w · U projections where positions would cost one each. It is what a table keeps,
 * made for one block and one layer and dropped: mode `ids` keeps nothing.
 *
 * With w = 1, where keys have biases or norms, rows are finished keys and values (`rowKind`) and there is no scale.
 *
 * Scratch, for B = `distinctBlockLength`, is at most that of U ≤ B + w − 1 ids: w terms of D numbers and w rows of keys
 * and of values for each, 8 bytes a position, and twice D numbers for each of a page of positions.
 */

import type { ContextView } from '../backend/context-view.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ContextModel } from './context-model.ts';
import { projectKeysAndValues, projectLinearly, rowKind } from './context-source.ts';
import { contextPageLength } from './page-sizes.ts';
import { type DistinctIds, sumTerms, termsOf } from './states-by-id.ts';

/** Positions before a block that are entries of its view, since its keys and values are made of theirs too. */
export function leadOf(start: number, window: number): number {
  return Math.min(start, window - 1);
}

/** The block as one layer's attention reads it; entry 0 is position start − lead. Its tensors are the scope's. */
export function distinctBlockView(
  model: ContextModel,
  layer: number,
  { ids, slots }: DistinctIds,
  start: number,
): ContextView {
  const { operations, config, work } = model;
  const { initialStateWindow: window, numKeyValueHeads, headDim } = config;
  const ahead = window - 1;
  const count = slots.length - ahead;
  const lead = leadOf(start, window);
  const length = lead + count;
  const index = operations.upload(slots, [slots.length], 'scratch');
  work.blockRows += window * ids.length;
  const finished = rowKind(config) === 'finished';
  const { scale, ...rows } = operations.scope(() => {
    const terms = termsOf(model, ids);
    if (finished) return { ...finishTerm(model, layer, terms[0] as Tensor) };
    return { ...projectTerms(model, layer, terms), scale: scales(model, terms, index, count, lead) };
  });
  return {
    length,
    firstPosition: start - lead,
    kvHeads: numKeyValueHeads,
    headDim,
    window,
    rows: { pages: [rows], rowsPerPage: window * ids.length },
    pageLength: length,
    index: [operations.slice(index, ahead - lead, length)],
    scale: scale === undefined ? null : [scale],
    positionRows: null,
    rope: model.angles,
  };
}

/** Keys (not rotated) and values of the ids themselves, [U, G, C]. */
function finishTerm(
  model: ContextModel,
  layer: number,
  term: Tensor,
): { keys: Tensor; values: Tensor; scale?: Tensor } {
  const { operations, config, weights } = model;
  const parameters = weights.layers[layer] as (typeof weights.layers)[number];
  return operations.scope(() => {
    const inputs = operations.multiply(operations.rmsNorm(term, null, config.rmsNormEps), parameters.norm);
    return projectKeysAndValues(operations, parameters, inputs, config);
  });
}

/** Keys (not rotated) and values of g ⊙ term: row u · w + j is that of id u at offset j, [U · w, G, C]. */
function projectTerms(model: ContextModel, layer: number, terms: readonly Tensor[]): { keys: Tensor; values: Tensor } {
  const { operations, config, weights } = model;
  const parameters = weights.layers[layer] as (typeof weights.layers)[number];
  const window = terms.length;
  const distinct = terms[0]?.shape[0] as number;
  const shape = [distinct * window, config.numKeyValueHeads, config.headDim];
  const rowSize = config.numKeyValueHeads * config.headDim;
  return operations.scope(() => {
    const rows = { keys: operations.allocate(shape), values: operations.allocate(shape) };
    terms.forEach((term, offset) => {
      operations.scope(() => {
        const inputs = operations.multiply(term, parameters.norm);
        const projected = projectLinearly(operations, parameters, inputs, config); // [U, G, C]
        for (const part of ['keys', 'values'] as const) {
          operations.backend.primitives.copyBlock({
            input: projected[part],
            inputOffset: 0,
            inputStride: rowSize,
            out: rows[part],
            outOffset: offset * rowSize,
            outStride: window * rowSize,
            outer: distinct,
            length: rowSize,
          });
        }
      });
    });
    return rows;
  });
}

/** 1/rms of the states of `count` positions after `lead` zeros, a page of positions at a time. */
function scales(model: ContextModel, terms: readonly Tensor[], slots: Tensor, count: number, lead: number): Tensor {
  const { operations, config } = model;
  return operations.scope(() => {
    const out = operations.zeros([lead + count]);
    for (let start = 0; start < count; start += contextPageLength) {
      const length = Math.min(contextPageLength, count - start);
      operations.scope(() => {
        const states = sumTerms(model, terms, slots, start, length);
        operations.backend.primitives.cast({
          input: operations.inverseRms(states, config.rmsNormEps),
          out: operations.slice(out, lead + start, length),
        });
      });
    }
    return out;
  });
}
