/**
 * Block-scaled numbers on the host: small integers in runs along the last axis, each run with a scale of its own. This is
 * the scheme the field calls Q8_0 (8-bit, symmetric, blocks of 32), with integers and scales in arrays of their own.
 *
 *     number = scale · element,   scale = max|x| / 127 over the block,   element = x / scale rounded to nearest, ties to even
 *
 * The error of a number is at most half its block's scale, max|x| / 254. Conversion only: backends compute from the
 * stored integers (BlockScaling in backend/tensor-view.ts). quantize-blocks.ts makes them.
 */

import { InvalidArgumentError, ShapeError } from '../errors/errors.ts';
import { checkShape, formatShape, type Shape, sizeOf } from './shape.ts';

/** Elements that share a scale, unless a file says otherwise. */
export const defaultBlockLength = 32;

export interface BlockScaledArray {
  /** [.., K]; K is a multiple of 4. Blocks run along the last axis; a row's last block may be shorter. */
  readonly shape: Shape;
  /** Row-major, `shape`. */
  readonly values: Int8Array;
  /** [.., blocksPerRow(K, blockLength)] */
  readonly scales: Float32Array;
  /** A multiple of 16. */
  readonly blockLength: number;
}

/** Blocks of a row of `width` elements. */
export function blocksPerRow(width: number, blockLength = defaultBlockLength): number {
  return Math.ceil(width / blockLength);
}

/** Bytes of a block-scaled tensor: 1 per element and 4 per block. */
export function blockScaledBytes(shape: Shape, blockLength = defaultBlockLength): number {
  return sizeOf(shape) + 4 * sizeOf(scalesShape(shape, blockLength));
}

/** The shape of the scales of a tensor of `shape`. */
export function scalesShape(shape: Shape, blockLength = defaultBlockLength): Shape {
  return [...shape.slice(0, -1), blocksPerRow(shape.at(-1) ?? 0, blockLength)];
}

/**
 * Throws unless a tensor of `shape` can be kept in blocks of `blockLength`: it has rows (at least two axes), which are
 * whole 4-byte words, and blocks are multiples of 16.
 */
export function checkBlocks(shape: Shape, blockLength: number, where: string): void {
  checkShape(shape, where);
  if (shape.length < 2 || (shape.at(-1) as number) % 4 !== 0) {
    throw new ShapeError({
      what: `${where} cannot be kept in blocks.`,
      got: formatShape(shape),
      expected: 'at least two axes, the last a multiple of 4',
      fix: 'keep it in f32 or f16',
    });
  }
  if (!Number.isSafeInteger(blockLength) || blockLength < 16 || blockLength % 16 !== 0) {
    throw new InvalidArgumentError({
      what: `${where} was given an impossible length of blocks.`,
      got: String(blockLength),
      expected: 'a positive multiple of 16',
    });
  }
}

/** The numbers a block-scaled array stands for, each product rounded to f32 once: what kernels compute with. */
export function dequantizeBlocks({ shape, values, scales, blockLength }: BlockScaledArray): Float32Array {
  const numbers = new Float32Array(values.length);
  let block = 0;
  eachBlock(shape, blockLength, (start, end) => {
    const scale = scales[block++] as number;
    for (let i = start; i < end; i += 1) numbers[i] = scale * (values[i] as number);
  });
  return numbers;
}

/** Calls `visit` with the range of each block, in the order of the scales. */
export function eachBlock(shape: Shape, blockLength: number, visit: (start: number, end: number) => void): void {
  const width = shape.at(-1) as number;
  const size = sizeOf(shape);
  for (let row = 0; row < size; row += width) {
    for (let start = 0; start < width; start += blockLength) {
      visit(row + start, row + Math.min(width, start + blockLength));
    }
  }
}
