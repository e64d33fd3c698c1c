/**
 * Elementwise arithmetic. Binary operations broadcast as NumPy does: shapes are aligned at their last axes, and an axis
 * of length 1 (or missing) repeats.
 */

import { ShapeError } from '@inattention/core';
import { type NdArray, zeros } from './nd-array.ts';

/** a + b */
export function add(a: NdArray, b: NdArray): NdArray {
  return binary(a, b, (x, y) => x + y);
}

/** a − b */
export function subtract(a: NdArray, b: NdArray): NdArray {
  return binary(a, b, (x, y) => x - y);
}

/** a ⊙ b */
export function multiply(a: NdArray, b: NdArray): NdArray {
  return binary(a, b, (x, y) => x * y);
}

/** a / b */
export function divide(a: NdArray, b: NdArray): NdArray {
  return binary(a, b, (x, y) => x / y);
}

/** scale · x + offset */
export function affine(x: NdArray, scale: number, offset: number): NdArray {
  return unary(x, (value) => scale * value + offset);
}

export function exp(x: NdArray): NdArray {
  return unary(x, Math.exp);
}

/** Natural logarithm. */
export function log(x: NdArray): NdArray {
  return unary(x, Math.log);
}

export function sqrt(x: NdArray): NdArray {
  return unary(x, Math.sqrt);
}

export function sigmoid(x: NdArray): NdArray {
  return unary(x, sigmoidOf);
}

/** 1 / (1 + e^−x), without overflow on either side. */
export function sigmoidOf(x: number): number {
  return x >= 0 ? 1 / (1 + Math.exp(-x)) : Math.exp(x) / (1 + Math.exp(x));
}

function unary(x: NdArray, f: (value: number) => number): NdArray {
  return { shape: x.shape, data: x.data.map((value) => f(value)) };
}

function binary(a: NdArray, b: NdArray, f: (x: number, y: number) => number): NdArray {
  const out = zeros(broadcastShape(a.shape, b.shape));
  const coordinates = out.shape.map(() => 0);
  for (let i = 0; i < out.data.length; i += 1) {
    out.data[i] = f(a.data[broadcastIndex(a.shape, coordinates)], b.data[broadcastIndex(b.shape, coordinates)]);
    advance(coordinates, out.shape);
  }
  return out;
}

function broadcastShape(a: readonly number[], b: readonly number[]): number[] {
  const rank = Math.max(a.length, b.length);
  return Array.from({ length: rank }, (_, axis) => {
    const fromA = a[a.length - rank + axis] ?? 1;
    const fromB = b[b.length - rank + axis] ?? 1;
    if (fromA !== fromB && fromA !== 1 && fromB !== 1) {
      throw new ShapeError({
        what: 'Shapes that do not broadcast.',
        got: `[${a.join(', ')}] and [${b.join(', ')}]`,
        expected: 'aligned at the last axis, each axis equal or 1',
      });
    }
    return fromA === 1 ? fromB : fromA;
  });
}

/** Where the element at `coordinates` of the result comes from in an operand of `shape`. */
function broadcastIndex(shape: readonly number[], coordinates: readonly number[]): number {
  const missing = coordinates.length - shape.length;
  let index = 0;
  for (let axis = 0; axis < shape.length; axis += 1) {
    index = index * shape[axis] + (shape[axis] === 1 ? 0 : coordinates[missing + axis]);
  }
  return index;
}

/** The next coordinates in row-major order. */
function advance(coordinates: number[], shape: readonly number[]): void {
  for (let axis = shape.length - 1; axis >= 0; axis -= 1) {
    coordinates[axis] += 1;
    if (coordinates[axis] < shape[axis]) return;
    coordinates[axis] = 0;
  }
}
