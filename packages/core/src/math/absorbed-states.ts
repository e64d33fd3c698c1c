/**
 * Attention to context states with absorbed projections (DESIGN §3): q·W_K (g ⊙ x̂) = (g ⊙ W_Kᵀ q)·x̂, and
 * Σ_i a_i W_V (g ⊙ x̂_i) = W_V (g ⊙ Σ_i a_i x̂_i). So the states are keys and values of one head of size D for all layers
 * and heads, and nothing is projected per position. A bias of keys adds the same to all scores of a query, which softmax
 * does not see; one of values is added to the result, since weights add up to 1. Not for rope, whose rotation stands
 * between W_K and q, and not for normalised keys.
 */

import type { ContextView, PagedRows } from '../backend/context-view.ts';
import type { IndexTensor } from '../operations/index-tensor.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { addValueBias, attendView, weightsOverView } from './context-blocks.ts';
import type { ContextModel } from './context-model.ts';
import { consecutive } from './initial-state.ts';
import { contextPageLength } from './page-sizes.ts';
import type { PagedArray } from './paged-array.ts';

/** The states as attention reads them: position i has the state in row index[i] of `rows`, [*, 1, D]. */
export function statesView(model: ContextModel, rows: PagedRows, index: PagedArray): ContextView {
  return {
    length: index.length,
    firstPosition: 0,
    kvHeads: 1,
    headDim: model.config.hiddenSize,
    window: 1,
    rows,
    pageLength: contextPageLength,
    index: index.pages,
    scale: null,
    positionRows: null,
    rope: null,
  };
}

/** Attention of queries [T, H, C] in one layer over a view of states: [T, H, C]. */
export function attendStates(
  model: ContextModel,
  layer: number,
  queries: Tensor,
  positions: IndexTensor,
  view: ContextView,
): Tensor {
  return model.operations.scope(() => {
    const sums = attendView(model, absorbIntoQueries(model, layer, queries), positions, view); // Σ_i a_i x̂_i
    return projectSums(model, layer, sums);
  });
}

/** The attention weights of one query [1, H, C] over a view of states: [H, N]. */
export function weightsOverStates(
  model: ContextModel,
  layer: number,
  queries: Tensor,
  position: IndexTensor,
  view: ContextView,
): Tensor {
  return model.operations.scope(() => weightsOverView(model, absorbIntoQueries(model, layer, queries), position, view));
}

/** Queries [T, H, C] of one layer as queries of its context states: g ⊙ W_Kᵀ q with the rows of W_K of each head's group: [T, H, C] to [T, H, D]. */
export function absorbIntoQueries(model: ContextModel, layer: number, queries: Tensor): Tensor {
  const { operations, config, weights } = model;
  const { numKeyValueHeads: groups, headDim, hiddenSize } = config;
  const { key, norm } = weights.layers[layer] as (typeof weights.layers)[number];
  return operations.scope(() => {
    // Weights in blocks are multiplied along their rows only: here they are wanted across.
    const rows = key.dtype === 'f32' || key.dtype === 'f16' ? key : unpacked(model, key);
    const byGroup = operations.reshape(rows, [groups, headDim, hiddenSize]);
    const absorbed = operations.matmul(groupsFirst(model, queries), byGroup); // [G, T · H/G, D]
    return operations.multiply(headsAfterRows(model, absorbed, queries.shape[0] as number), norm);
  });
}

/** What a layer makes of weighted sums of context states: W_V (g ⊙ s) + b_V with the rows of W_V of each head's group: [T, H, D] to [T, H, C]. */
export function projectSums(model: ContextModel, layer: number, sums: Tensor): Tensor {
  const { operations, config, weights } = model;
  const { numKeyValueHeads: groups, headDim, hiddenSize } = config;
  const { value, norm } = weights.layers[layer] as (typeof weights.layers)[number];
  return operations.scope(() => {
    const inputs = groupsFirst(model, operations.multiply(sums, norm)); // [G, T · H/G, D]
    const byGroup = operations.reshape(value, [groups, headDim, hiddenSize]);
    const outputs = operations.matmul(inputs, byGroup, { transposeB: true }); // [G, T · H/G, C]
    return addValueBias(model, layer, headsAfterRows(model, outputs, sums.shape[0] as number));
  });
}

/** [T, H, n] -> [G, T · H/G, n]. */
function groupsFirst({ operations, config }: ContextModel, tensor: Tensor): Tensor {
  const [rows, heads, width] = tensor.shape as readonly [number, number, number];
  const groups = config.numKeyValueHeads;
  return operations.scope(() => {
    const grouped = operations.reshape(tensor, [rows, groups, (heads / groups) * width]);
    return operations.reshape(operations.permute(grouped, [1, 0, 2]), [groups, (rows * heads) / groups, width]);
  });
}

/** [G, T · H/G, n] -> [T, H, n]. */
function headsAfterRows({ operations }: ContextModel, tensor: Tensor, rows: number): Tensor {
  const [groups, groupRows, width] = tensor.shape as readonly [number, number, number];
  return operations.scope(() => {
    const grouped = operations.reshape(tensor, [groups, rows, (groupRows / rows) * width]);
    return operations.reshape(operations.permute(grouped, [1, 0, 2]), [rows, (groups * groupRows) / rows, width]);
  });
}

/** All rows of a matrix, f32. */
function unpacked({ operations }: ContextModel, matrix: Tensor): Tensor {
  using rows = operations.index(consecutive(0, matrix.shape[0] as number));
  return operations.embed(matrix, rows);
}
