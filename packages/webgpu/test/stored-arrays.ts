/** Arrays of a KernelTrial in dtypes of which a word holds several, and what a view holds as words. */

import { type BlockScaledArray, blocksPerRow, encodeFloat16, sizeOf, type TensorView } from '@inattention/core';
import type { KernelTrial } from './kernel-trial.ts';

/** f16 numbers, rounded to nearest even. */
export function placeHalves(trial: KernelTrial, shape: readonly number[], data: ArrayLike<number>): TensorView {
  return placeHalfBits(trial, shape, encodeFloat16(Float32Array.from(data)));
}

/** f16 bit patterns. An odd one out shares its word with zeros. */
export function placeHalfBits(trial: KernelTrial, shape: readonly number[], bits: Uint16Array): TensorView {
  const padded = new Uint16Array(Math.ceil(bits.length / 2) * 2);
  padded.set(bits);
  return { ...trial.integers([padded.length / 2], new Int32Array(padded.buffer)), dtype: 'f16', shape };
}

/** i8 in blocks; the scales are an array of their own. */
export function placeBlocks(trial: KernelTrial, { shape, values, scales, blockLength }: BlockScaledArray): TensorView {
  const words = new Int32Array(values.slice().buffer);
  const perRow = blocksPerRow(shape.at(-1) ?? 0, blockLength);
  const blocks = { blockLength, scales: trial.floats([...shape.slice(0, -1), perRow], scales), minimums: null };
  return { ...trial.integers([words.length], words), dtype: 'i8', shape, blocks };
}

/** The bits of `words` words of a view, from its beginning. */
export async function readWords(
  trial: KernelTrial,
  view: TensorView,
  words = sizeOf(view.shape),
): Promise<Uint32Array> {
  const { buffer, byteOffset, length } = await trial.read({ ...view, dtype: 'f32', shape: [words] });
  return new Uint32Array(buffer, byteOffset, length);
}
