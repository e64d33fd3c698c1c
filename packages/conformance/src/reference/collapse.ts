/**
 * The collapse identities (DESIGN §3.4), for one query and one head: attention touches each distinct id's row once.
 *
 *     values   Σ_i a_i v_i = Σ_j Σ_u ( Σ_{i: t_{i−j} = u} a_i / rms_i ) V_j[u]  +  Σ_i (a_i / rms_i) V_P[i]
 *     scores   q·k_i = 1/rms_i · ( Σ_j (q·K_j[t_{i−j}]) + q·K_P[i] )        keys not rotated
 *
 * A table row holds all key/value heads; the columns of one head are `column` … `column + C − 1`.
 */

import type { ContextTables } from './context-tables.ts';
import type { NdArray } from './nd-array.ts';

/** Σ_i a_i v_i, [C], from weights a over the first n positions of a context. */
export function collapsedValues(
  weights: Float64Array,
  tables: ContextTables,
  ids: readonly number[],
  inverse: NdArray,
  column: number,
  headDim: number,
): Float64Array {
  const out = new Float64Array(headDim);
  for (let j = 0; j < tables.idRows.length; j += 1) {
    const weightOfId = new Map<number, number>(); // Σ a_i / rms_i over the positions whose id, j back, is this one
    for (let i = j; i < weights.length; i += 1) {
      const id = ids[i - j];
      weightOfId.set(id, (weightOfId.get(id) ?? 0) + weights[i] * inverse.data[i]);
    }
    for (const [id, weight] of weightOfId) addRow(out, weight, tables.idRows[j], id, column);
  }
  if (tables.positionRows !== null) {
    for (let i = 0; i < weights.length; i += 1) {
      addRow(out, weights[i] * inverse.data[i], tables.positionRows, i, column);
    }
  }
  return out;
}

/** q·k_i, [n], over the first n positions: one dot product per table row in use, then scalars per position. */
export function collapsedScores(
  query: Float64Array,
  count: number,
  tables: ContextTables,
  ids: readonly number[],
  inverse: NdArray,
  column: number,
): Float64Array {
  const out = new Float64Array(count);
  for (let j = 0; j < tables.idRows.length; j += 1) {
    const productOfId = new Map<number, number>(); // q·K_j[id]
    for (let i = j; i < count; i += 1) {
      const id = ids[i - j];
      const product = productOfId.get(id) ?? dotRow(query, tables.idRows[j], id, column);
      productOfId.set(id, product);
      out[i] += product;
    }
  }
  for (let i = 0; i < count; i += 1) {
    if (tables.positionRows !== null) out[i] += dotRow(query, tables.positionRows, i, column);
    out[i] *= inverse.data[i];
  }
  return out;
}

function addRow(out: Float64Array, weight: number, rows: NdArray, row: number, column: number): void {
  for (let c = 0; c < out.length; c += 1) out[c] += weight * rows.data[row * rows.shape[1] + column + c];
}

function dotRow(query: Float64Array, rows: NdArray, row: number, column: number): number {
  let total = 0;
  for (let c = 0; c < query.length; c += 1) total += query[c] * rows.data[row * rows.shape[1] + column + c];
  return total;
}
