/**
 * The tables identity (DESIGN §3.3): an initial state is linear in the ids up to one scalar, so keys and values come
 * from one row per (offset j, id), and one per learned position.
 *
 *     k_i = W (g ⊙ x̂_i) = 1/rms_i · ( Σ_{j<w, j≤i} K_j[t_{i−j}] + K_P[i] )
 *     K_j[v] = W (g ⊙ M_j E[v]),  M_0 = I        K_P[p] = W (g ⊙ Σ_{j<w, j≤p} M_j P[p−j])
 *
 * W is W_K or W_V [G·C, D]; rows are before rotation. 1/rms_i = 1/√(mean x_i² + ε).
 */

import { gainForward } from './gain.ts';
import { initialStateForward } from './initial-state.ts';
import { linearForward } from './linear.ts';
import { expectShape, type NdArray, ndArray, zeros } from './nd-array.ts';

export interface TableWeights {
  /** E, [V, D] */
  readonly embedding: NdArray;
  /** P, [positions, D]; null unless positions are learned. */
  readonly positions: NdArray | null;
  /** M, [w−1, D, D]; null when w = 1. */
  readonly mixing: NdArray | null;
  /** g of the layer, [D] */
  readonly norm: NdArray;
}

export interface ContextTables {
  /** K_j for j = 0 … w−1, each [V, G·C]. */
  readonly idRows: readonly NdArray[];
  /** K_P, [positions, G·C]; null unless positions are learned. */
  readonly positionRows: NdArray | null;
}

/** The rows of a layer's keys (`projection` = W_K) or values (W_V). */
export function buildTables(projection: NdArray, weights: TableWeights): ContextTables {
  const { embedding, positions, mixing, norm } = weights;
  const project = (rows: NdArray) => linearForward(gainForward(rows, norm), projection);
  const idRows = [project(embedding)];
  for (let j = 1; j <= (mixing?.shape[0] ?? 0); j += 1) {
    idRows.push(project(linearForward(embedding, windowMatrix(mixing, j))));
  }
  return { idRows, positionRows: positions === null ? null : project(initialStateForward(positions, mixing)) };
}

/** 1/rms_i of each initial state x [N, D]: the one scalar of a position, [N]. */
export function inverseRms(initial: NdArray, epsilon: number): NdArray {
  expectShape(initial, [null, null], 'Initial states');
  const [count, size] = initial.shape;
  const out = zeros([count]);
  for (let i = 0; i < count; i += 1) {
    let squares = 0;
    for (let d = 0; d < size; d += 1) squares += initial.data[i * size + d] ** 2;
    out.data[i] = 1 / Math.sqrt(squares / size + epsilon);
  }
  return out;
}

/** Keys or values [N, G·C] of a context, from its ids, 1/rms and the tables; before rotation. */
export function readTables(tables: ContextTables, ids: readonly number[], inverse: NdArray): NdArray {
  const width = tables.idRows[0].shape[1];
  expectShape(inverse, [ids.length], 'One 1/rms per id');
  const out = zeros([ids.length, width]);
  for (let i = 0; i < ids.length; i += 1) {
    for (let c = 0; c < width; c += 1) {
      let total = tables.positionRows?.data[i * width + c] ?? 0;
      for (let j = 0; j < tables.idRows.length && j <= i; j += 1) {
        total += tables.idRows[j].data[ids[i - j] * width + c];
      }
      out.data[i * width + c] = inverse.data[i] * total;
    }
  }
  return out;
}

/** M_j, [D, D]. */
function windowMatrix(mixing: NdArray | null, j: number): NdArray {
  const size = mixing?.shape[1] ?? 0;
  return ndArray([size, size], mixing?.data.subarray((j - 1) * size * size, j * size * size) ?? []);
}
