/**
 * What the reference computes with: a shape and its float64 numbers, row-major. A value, not an object with methods;
 * no function of the reference writes to its arguments.
 */

import { ShapeError } from '@inattention/core';

export interface NdArray {
  readonly shape: readonly number[];
  /** Row-major; as many numbers as the shape asks for. */
  readonly data: Float64Array;
}

/** Copies `data` into an array of `shape`. Throws ShapeError when the number of elements differs. */
export function ndArray(shape: readonly number[], data: ArrayLike<number>): NdArray {
  const size = elementCount(shape);
  if (data.length !== size) {
    throw new ShapeError({
      what: 'The data does not fill the shape.',
      got: `${data.length} numbers`,
      expected: `${size} numbers for [${shape.join(', ')}]`,
    });
  }
  return { shape: [...shape], data: Float64Array.from(data) };
}

export function zeros(shape: readonly number[]): NdArray {
  return { shape: [...shape], data: new Float64Array(elementCount(shape)) };
}

/** The same numbers under another shape of as many elements. Shares the data. */
export function reshaped(array: NdArray, shape: readonly number[]): NdArray {
  expectSize(array, elementCount(shape), `A reshape to [${shape.join(', ')}]`);
  return { shape: [...shape], data: array.data };
}

export function elementCount(shape: readonly number[]): number {
  return shape.reduce((count, dimension) => count * dimension, 1);
}

/** Throws ShapeError unless the array has `shape`; null accepts any dimension. */
export function expectShape(array: NdArray, shape: readonly (number | null)[], what: string): void {
  const fits =
    array.shape.length === shape.length &&
    shape.every((dimension, axis) => dimension === null || dimension === array.shape[axis]);
  if (!fits) {
    throw new ShapeError({
      what: `${what} has the wrong shape.`,
      got: `[${array.shape.join(', ')}]`,
      expected: `[${shape.map((dimension) => dimension ?? '*').join(', ')}]`,
    });
  }
}

function expectSize(array: NdArray, size: number, what: string): void {
  if (array.data.length !== size) {
    throw new ShapeError({
      what: `${what} does not fit.`,
      got: `[${array.shape.join(', ')}]`,
      expected: `${size} numbers`,
    });
  }
}
