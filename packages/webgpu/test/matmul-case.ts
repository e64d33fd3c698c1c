/** Products for tests of matmul: operands of any dtype placed in a KernelTrial, and the float64 result. */

import {
  decodeFloat16,
  dequantizeBlocks,
  encodeFloat16,
  type MatmulArguments,
  quantizeBlocks,
  sizeOf,
} from '@inattention/core';
import { numbers } from './compare-numbers.ts';
import type { KernelTrial } from './kernel-trial.ts';
import { placeBlocks, placeHalves } from './stored-arrays.ts';

export interface MatmulCase {
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
  readonly batch?: number;
  readonly transposeA?: boolean;
  readonly transposeB?: boolean;
  /** One matrix for the whole batch. */
  readonly repeatA?: boolean;
  readonly repeatB?: boolean;
  readonly dtype?: 'f32' | 'f16' | 'i8';
  readonly blockLength?: number;
  readonly scale?: number;
  readonly accumulate?: boolean;
}

export function placeProduct(trial: KernelTrial, product: MatmulCase): { args: MatmulArguments; expected: number[] } {
  const { rows, columns, inner, batch = 1, scale = 1, accumulate = false } = product;
  const { transposeA = false, transposeB = false, repeatA = false, repeatB = false } = product;
  const shapeA = [repeatA ? 1 : batch, ...(transposeA ? [inner, rows] : [rows, inner])];
  const shapeB = [repeatB ? 1 : batch, ...(transposeB ? [columns, inner] : [inner, columns])];
  const a = numbers(sizeOf(shapeA), rows + inner);
  const { view: b, data } = placeWeight(trial, shapeB, product);
  const before = numbers(batch * rows * columns, 5);
  const expected: number[] = [];
  for (let n = 0; n < batch; n += 1) {
    const startA = repeatA ? 0 : n * rows * inner;
    const startB = repeatB ? 0 : n * inner * columns;
    for (let r = 0; r < rows; r += 1) {
      for (let c = 0; c < columns; c += 1) {
        let sum = 0;
        for (let k = 0; k < inner; k += 1) {
          const left = a[startA + (transposeA ? k * rows + r : r * inner + k)] as number;
          sum += left * (data[startB + (transposeB ? c * inner + k : k * columns + c)] as number);
        }
        expected.push(scale * sum + (accumulate ? (before[expected.length] as number) : 0));
      }
    }
  }
  const args: MatmulArguments = {
    a: trial.floats(shapeA, a),
    b,
    out: accumulate ? trial.floats([batch, rows, columns], before) : trial.floats([batch, rows, columns]),
    batch,
    rows,
    columns,
    inner,
    transposeA,
    transposeB,
    strideA: repeatA ? 0 : rows * inner,
    strideB: repeatB ? 0 : inner * columns,
    scale,
    accumulate,
  };
  return { args, expected };
}

/** Numbers of very different sizes by blocks of 16, so that a neighbour's scale shows; those that the dtype can hold. */
function placeWeight(trial: KernelTrial, shape: readonly number[], { dtype = 'f32', blockLength = 32 }: MatmulCase) {
  const data = numbers(sizeOf(shape), 3).map((x, i) => x * 2 ** ((Math.floor(i / 16) % 5) - 2));
  if (dtype === 'i8') {
    const blocks = quantizeBlocks(data, shape, { blockLength });
    return { view: placeBlocks(trial, blocks), data: dequantizeBlocks(blocks) };
  }
  if (dtype === 'f16') return { view: placeHalves(trial, shape, data), data: decodeFloat16(encodeFloat16(data)) };
  return { view: trial.floats(shape, data), data };
}
