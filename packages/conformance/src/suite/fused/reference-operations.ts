/**
 * core's `Operations` in float64, from the reference: whatever is written over `Operations<V>` can be evaluated without
 * a backend, and differentiated by finite differences to about nine digits.
 */

import type { AttentionOptions, IndexTensor, Operations, RopeAngles, ScopeResult } from '@inattention/core';
import { attentionForward } from '../../reference/attention.ts';
import { crossEntropyForward } from '../../reference/cross-entropy.ts';
import { add, affine, multiply, subtract } from '../../reference/elementwise.ts';
import { linearForward } from '../../reference/linear.ts';
import { type NdArray, ndArray, reshaped } from '../../reference/nd-array.ts';
import { rmsNormForward } from '../../reference/rms-norm.ts';
import { ropeForward } from '../../reference/rope.ts';
import { gatherRows } from '../../reference/rows.ts';
import { swigluForward } from '../../reference/swiglu.ts';

export class ReferenceOperations implements Operations<NdArray> {
  readonly #ropeTheta: number;

  /** `ropeTheta`: the base of whatever angles `rope` is given. */
  constructor(ropeTheta = 10_000) {
    this.#ropeTheta = ropeTheta;
  }

  shapeOf(value: NdArray): readonly number[] {
    return value.shape;
  }

  add(a: NdArray, b: NdArray): NdArray {
    return add(a, b);
  }

  subtract(a: NdArray, b: NdArray): NdArray {
    return subtract(a, b);
  }

  multiply(a: NdArray, b: NdArray): NdArray {
    return multiply(a, b);
  }

  scale(input: NdArray, factor: number): NdArray {
    return affine(input, factor, 0);
  }

  linear(input: NdArray, weight: NdArray): NdArray {
    const [columns, inner] = weight.shape;
    const rows = linearForward(reshaped(input, [input.data.length / inner, inner]), weight);
    return reshaped(rows, [...input.shape.slice(0, -1), columns]);
  }

  embed(table: NdArray, ids: IndexTensor): NdArray {
    const [rows, ...rest] = table.shape;
    const flat = reshaped(table, [rows, table.data.length / rows]);
    return reshaped(gatherRows(flat, ids.values), [ids.length, ...rest]);
  }

  rmsNorm(input: NdArray, weight: NdArray | null, epsilon: number): NdArray {
    const width = input.shape[input.shape.length - 1];
    const rows = reshaped(input, [input.data.length / width, width]);
    return reshaped(rmsNormForward(rows, weight, epsilon).out, input.shape);
  }

  rope(input: NdArray, positions: IndexTensor, _angles: RopeAngles): NdArray {
    return ropeForward(input, positions.values, this.#ropeTheta);
  }

  swiglu(gate: NdArray, up: NdArray): NdArray {
    return swigluForward(gate, up);
  }

  attention(queries: NdArray, keys: NdArray, values: NdArray, options: AttentionOptions): NdArray {
    const { positions, firstPosition, scale, slopes } = options;
    return attentionForward({ queries, keys, values, positions: positions.values, firstPosition, scale, slopes }).out;
  }

  crossEntropy(logits: NdArray, targets: IndexTensor): NdArray {
    return crossEntropyForward(logits, targets.values).nll;
  }

  mean(input: NdArray): NdArray {
    const total = input.data.reduce((sum, value) => sum + value, 0);
    return ndArray([], [total / input.data.length]);
  }

  reshape(input: NdArray, shape: readonly number[]): NdArray {
    return reshaped(input, shape);
  }

  slice(input: NdArray, start: number, count: number): NdArray {
    const [length, ...rest] = input.shape;
    const size = input.data.length / length;
    return ndArray([count, ...rest], input.data.subarray(start * size, (start + count) * size));
  }

  scope<T extends ScopeResult<NdArray>>(body: () => T): T;
  scope(body: () => void): void;
  scope(body: () => unknown): unknown {
    return body();
  }
}
