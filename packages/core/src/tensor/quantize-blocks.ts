/** Numbers into 8-bit blocks with a scale each (block-scaled.ts has the scheme); apart, since few programs round weights. */

import { NonFiniteError, ShapeError } from '../errors/errors.ts';
import { type BlockScaledArray, checkBlocks, defaultBlockLength, eachBlock, scalesShape } from './block-scaled.ts';
import { formatShape, type Shape, sizeOf } from './shape.ts';

/** Largest element: symmetric, so −128 is not used. */
const largest = 127;

/** Adding and subtracting it rounds a float64 of magnitude below 2⁵¹ to the nearest integer, ties to even. */
const rounder = 1.5 * 2 ** 52;

/**
 * Quantises numbers of `shape` [.., K] to 8 bits in blocks along the last axis. `name` is for errors.
 * Throws NonFiniteError for infinities and NaN, ShapeError for shapes that cannot be kept in blocks.
 */
export function quantizeBlocks(
  data: Float32Array,
  shape: Shape,
  {
    blockLength = defaultBlockLength,
    name = 'the tensor',
  }: { readonly blockLength?: number; readonly name?: string } = {},
): BlockScaledArray {
  checkBlocks(shape, blockLength, name);
  if (data.length !== sizeOf(shape)) {
    throw new ShapeError({
      what: `quantizeBlocks was given numbers that do not fill the shape of ${name}.`,
      got: String(data.length),
      expected: `${sizeOf(shape)} for ${formatShape(shape)}`,
    });
  }
  const values = new Int8Array(data.length);
  const scales = new Float32Array(sizeOf(scalesShape(shape, blockLength)));
  let block = 0;
  eachBlock(shape, blockLength, (start, end) => {
    const scale = Math.fround(magnitudeOf(data, start, end, name) / largest);
    scales[block++] = scale;
    if (scale === 0) return;
    for (let i = start; i < end; i += 1) {
      const rounded = (data[i] as number) / scale + rounder - rounder;
      values[i] = Math.max(-largest, Math.min(largest, rounded)); // a subnormal scale is too coarse for 127 steps
    }
  });
  return { shape, values, scales, blockLength };
}

/** max|x| of a range; throws for what is not finite. */
function magnitudeOf(data: Float32Array, start: number, end: number, name: string): number {
  let most = 0;
  for (let i = start; i < end; i += 1) {
    const magnitude = Math.abs(data[i] as number);
    if (!(magnitude < Number.POSITIVE_INFINITY)) {
      throw new NonFiniteError({
        what: `${name} holds a value that is not a number, which no scale covers.`,
        got: `${data[i]} at element ${i}`,
        expected: 'finite numbers',
      });
    }
    if (magnitude > most) most = magnitude;
  }
  return most;
}
