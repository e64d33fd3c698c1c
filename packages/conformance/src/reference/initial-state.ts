/**
 * Initial states: the embeddings of a token and of the w−1 before it.
 *
 *     e_i = E[t_i] (+ P[i])                          e [N, D]   E [V, D]   P [positions, D]
 *     x_i = e_i + Σ_{1≤j<w, j≤i} M_j e_{i−j}         x [N, D]   M [w−1, D, D], output × input; M_j is matrix j−1
 *
 * Backward: de_i = dx_i + Σ_{1≤j<w, i+j<N} M_jᵀ dx_{i+j}        dM_j = Σ_{i≥j} dx_i e_{i−j}ᵀ        dE[t_i] += de_i
 */

import { expectShape, type NdArray, zeros } from './nd-array.ts';
import { gatherRows, scatterAddRows } from './rows.ts';

/** e of tokens at positions 0 … N−1. `positions` is null unless positions are learned. */
export function embedForward(tokens: readonly number[], embedding: NdArray, positions: NdArray | null): NdArray {
  const embedded = gatherRows(embedding, tokens);
  if (positions === null) return embedded;
  return scatterAddRows(embedded, [...tokens.keys()], gatherRows(positions, [...tokens.keys()]));
}

/** `gradPositions` is null exactly when `positions` is. */
export function embedBackward(
  tokens: readonly number[],
  embedding: NdArray,
  positions: NdArray | null,
  gradEmbedded: NdArray,
): { readonly gradEmbedding: NdArray; readonly gradPositions: NdArray | null } {
  return {
    gradEmbedding: scatterAddRows(zeros(embedding.shape), tokens, gradEmbedded),
    gradPositions: positions === null ? null : scatterAddRows(zeros(positions.shape), [...tokens.keys()], gradEmbedded),
  };
}

/** x of embeddings at positions 0 … N−1. `mixing` is M, or null when w = 1. */
export function initialStateForward(embedded: NdArray, mixing: NdArray | null): NdArray {
  const [count, size] = embedded.shape;
  const out = { shape: embedded.shape, data: Float64Array.from(embedded.data) };
  for (let j = 1; j <= offsets(embedded, mixing); j += 1) {
    for (let i = j; i < count; i += 1) {
      for (let o = 0; o < size; o += 1) {
        let total = 0;
        for (let d = 0; d < size; d += 1) total += entry(mixing, j, o, d) * embedded.data[(i - j) * size + d];
        out.data[i * size + o] += total;
      }
    }
  }
  return out;
}

/** `gradMixing` is null exactly when `mixing` is. */
export function initialStateBackward(
  embedded: NdArray,
  mixing: NdArray | null,
  gradOut: NdArray,
): { readonly gradEmbedded: NdArray; readonly gradMixing: NdArray | null } {
  const [count, size] = embedded.shape;
  expectShape(gradOut, embedded.shape, 'The gradient of initial states');
  const gradEmbedded = { shape: embedded.shape, data: Float64Array.from(gradOut.data) };
  const gradMixing = mixing === null ? null : zeros(mixing.shape);
  for (let j = 1; j <= offsets(embedded, mixing); j += 1) {
    for (let i = j; i < count; i += 1) {
      for (let o = 0; o < size; o += 1) {
        const gradient = gradOut.data[i * size + o];
        for (let d = 0; d < size; d += 1) {
          gradEmbedded.data[(i - j) * size + d] += entry(mixing, j, o, d) * gradient;
          if (gradMixing !== null) {
            gradMixing.data[((j - 1) * size + o) * size + d] += gradient * embedded.data[(i - j) * size + d];
          }
        }
      }
    }
  }
  return { gradEmbedded, gradMixing };
}

/** M_j[o, d]. */
function entry(mixing: NdArray | null, j: number, o: number, d: number): number {
  if (mixing === null) return 0;
  const size = mixing.shape[1];
  return mixing.data[((j - 1) * size + o) * size + d];
}

/** w − 1 */
function offsets(embedded: NdArray, mixing: NdArray | null): number {
  if (mixing === null) return 0;
  const size = embedded.shape[1];
  expectShape(mixing, [null, size, size], 'The matrices of the initial-state window');
  return mixing.shape[0];
}
