/**
 * Absorbed projections (DESIGN §3.5), where keys are not rotated: attention reads the shared context states directly,
 * one D-vector per position for all layers and heads.
 *
 *     q·k_j = q·W_K,g (γ ⊙ x̂_j) = (γ ⊙ W_K,gᵀ q)·x̂_j        Σ_j a_j v_j = W_V,g (γ ⊙ Σ_j a_j x̂_j)
 *
 * W_K,g and W_V,g are the C rows of the projection that make key/value head g; γ is the layer's gain.
 */

import { attentionForward } from './attention.ts';
import { gainForward } from './gain.ts';
import { linearForward } from './linear.ts';
import { matmul } from './matmul.ts';
import { expectShape, type NdArray, ndArray, reshaped, zeros } from './nd-array.ts';

export interface AbsorbedInputs {
  /** [T, H, C], not rotated. */
  readonly queries: NdArray;
  /** [T] */
  readonly positions: readonly number[];
  /** x̂, [N, D], at positions 0 … N−1. */
  readonly states: NdArray;
  /** W_K, [G·C, D] */
  readonly key: NdArray;
  /** W_V, [G·C, D] */
  readonly value: NdArray;
  /** γ, [D] */
  readonly norm: NdArray;
  /** [H], or null for none. */
  readonly slopes: readonly number[] | null;
}

/** Attention of the queries over the context, [T, H, C], from states alone. */
export function absorbedAttention(inputs: AbsorbedInputs): NdArray {
  const { queries, positions, states, key, value, norm, slopes } = inputs;
  const [T, H, C] = queries.shape;
  const [N, D] = states.shape;
  expectShape(value, key.shape, 'The value projection');
  const G = key.shape[0] / C;
  const out = zeros([T, H, C]);
  for (let h = 0; h < H; h += 1) {
    const g = Math.floor((h * G) / H);
    const query = columnsOfHead(queries, h); // [T, C]
    const absorbed = gainForward(matmul(query, rowsOfHead(key, g, C)), norm); // γ ⊙ W_Kᵀ q, [T, D]
    const mixed = attentionForward({
      queries: reshaped(absorbed, [T, 1, D]),
      positions,
      keys: reshaped(states, [N, 1, D]),
      values: reshaped(states, [N, 1, D]),
      slopes: slopes === null ? null : [slopes[h]],
      scale: 1 / Math.sqrt(C),
    }).out; // Σ_j a_j x̂_j, [T, 1, D]
    const heads = linearForward(gainForward(reshaped(mixed, [T, D]), norm), rowsOfHead(value, g, C)); // [T, C]
    for (let t = 0; t < T; t += 1) {
      for (let c = 0; c < C; c += 1) out.data[(t * H + h) * C + c] = heads.data[t * C + c];
    }
  }
  return out;
}

/** [T, H, C] -> [T, C] of head h */
function columnsOfHead(heads: NdArray, h: number): NdArray {
  const [T, H, C] = heads.shape;
  const out = zeros([T, C]);
  for (let t = 0; t < T; t += 1) {
    for (let c = 0; c < C; c += 1) out.data[t * C + c] = heads.data[(t * H + h) * C + c];
  }
  return out;
}

/** [G·C, D] -> [C, D] of head g */
function rowsOfHead(projection: NdArray, g: number, headDim: number): NdArray {
  const size = projection.shape[1];
  return ndArray([headDim, size], projection.data.subarray(g * headDim * size, (g + 1) * headDim * size));
}
