/** Matrix products, one or a batch of them, with either factor stored transposed. */

import { ShapeError } from '@inattention/core';
import { type NdArray, zeros } from './nd-array.ts';

export interface MatmulOptions {
  /** `a` is stored [inner, rows]. */
  readonly transposeA?: boolean;
  /** `b` is stored [columns, inner]. */
  readonly transposeB?: boolean;
  /** Factor on the product; 1 by default. */
  readonly scale?: number;
}

/**
 * out[b] = scale · op(a[b]) · op(b[b]).
 *
 * `a` is [rows, inner] or [batch, rows, inner], `b` is [inner, columns] or [batch, inner, columns], before transposes. A
 * factor of rank 2 serves the whole batch. The result has rank 2 when both factors have.
 */
export function matmul(a: NdArray, b: NdArray, options: MatmulOptions = {}): NdArray {
  const { transposeA = false, transposeB = false, scale = 1 } = options;
  const [batchA, storedRowsA, storedColumnsA] = asBatch(a);
  const [batchB, storedRowsB, storedColumnsB] = asBatch(b);
  const [rows, inner] = transposeA ? [storedColumnsA, storedRowsA] : [storedRowsA, storedColumnsA];
  const [innerB, columns] = transposeB ? [storedColumnsB, storedRowsB] : [storedRowsB, storedColumnsB];
  const batched = a.shape.length === 3 || b.shape.length === 3;
  const batch = a.shape.length === 3 ? batchA : batchB;
  if (inner !== innerB || (a.shape.length === 3 && b.shape.length === 3 && batchA !== batchB)) {
    throw new ShapeError({
      what: 'Matrices that cannot be multiplied.',
      got: `[${a.shape.join(', ')}]${transposeA ? 'ᵀ' : ''} · [${b.shape.join(', ')}]${transposeB ? 'ᵀ' : ''}`,
      expected: 'equal inner dimensions and equal batches',
    });
  }
  const out = zeros(batched ? [batch, rows, columns] : [rows, columns]);
  for (let n = 0; n < batch; n += 1) {
    const startA = a.shape.length === 3 ? n * rows * inner : 0;
    const startB = b.shape.length === 3 ? n * inner * columns : 0;
    for (let r = 0; r < rows; r += 1) {
      for (let c = 0; c < columns; c += 1) {
        let total = 0;
        for (let i = 0; i < inner; i += 1) {
          const left = a.data[startA + (transposeA ? i * rows + r : r * inner + i)];
          const right = b.data[startB + (transposeB ? c * inner + i : i * columns + c)];
          total += left * right;
        }
        out.data[(n * rows + r) * columns + c] = scale * total;
      }
    }
  }
  return out;
}

function asBatch(matrix: NdArray): readonly [number, number, number] {
  const { shape } = matrix;
  if (shape.length === 2) return [1, shape[0], shape[1]];
  if (shape.length === 3) return [shape[0], shape[1], shape[2]];
  throw new ShapeError({
    what: 'A matrix product needs matrices or a batch of them.',
    got: `[${shape.join(', ')}]`,
    expected: 'rank 2 or 3',
  });
}
