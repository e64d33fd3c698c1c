/** Shapes: row-major, contiguous, every dimension a non-negative integer. */

import { InvalidArgumentError, ShapeError } from '../errors/errors.ts';

export type Shape = readonly number[];

/** Number of elements; 1 for a scalar (`[]`). */
export function sizeOf(shape: Shape): number {
  return shape.reduce((size, dimension) => size * dimension, 1);
}

export function formatShape(shape: Shape): string {
  return `[${shape.join(', ')}]`;
}

export function sameShape(a: Shape, b: Shape): boolean {
  return a.length === b.length && a.every((dimension, axis) => dimension === b[axis]);
}

/** Throws unless every dimension is a non-negative safe integer. */
export function checkShape(shape: Shape, where: string): void {
  if (!shape.every((dimension) => Number.isSafeInteger(dimension) && dimension >= 0)) {
    throw new InvalidArgumentError({
      what: `${where} was given an impossible shape.`,
      got: formatShape(shape),
      expected: 'non-negative integers',
    });
  }
}

/** Throws unless `shape` is `expected`; `null` in `expected` accepts any dimension. */
export function expectShape(shape: Shape, expected: readonly (number | null)[], where: string): void {
  const fits =
    shape.length === expected.length &&
    expected.every((dimension, axis) => dimension === null || dimension === shape[axis]);
  if (!fits) {
    throw new ShapeError({
      what: `${where} has the wrong shape.`,
      got: formatShape(shape),
      expected: `[${expected.map((dimension) => dimension ?? '*').join(', ')}]`,
    });
  }
}
