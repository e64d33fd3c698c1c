/**
 * Parameters in dtypes that are kept in blocks: i8, q8_0, q4_1. A GGUF file's blocks are taken over bit for bit where they
 * are of the dtype, numbers are rounded to blocks. Loaded when a model has such weights, so it imports nothing that others need.
 */

import { type BlockDType, encodeWeightBlocks, quantizeBlocks } from '@inattention/core';
import { blockHalves, blocksAs, type ReadOptions, splitQ80, type WeightFiles } from '@inattention/formats';
import { checkFinite, notFinite } from './finite-weights.ts';
import type { NamedWeight, WeightBlocks } from './place-weight.ts';

/** Numbers rounded to blocks. Throws NonFiniteError for infinities, NaN and numbers that the dtype cannot hold. */
export function roundToBlocks({ name, shape, data }: NamedWeight, dtype: 'i8' | BlockDType): WeightBlocks {
  checkFinite(name, data);
  if (dtype === 'i8') return quantizeBlocks(data, shape, { name });
  return { dtype, bytes: encodeWeightBlocks(dtype, data, name) };
}

/** The blocks of a parameter of a model's files. Throws as `roundToBlocks` does, and what reading throws. */
export async function readBlocks(
  files: WeightFiles,
  name: string,
  dtype: 'i8' | BlockDType,
  options: ReadOptions,
): Promise<WeightBlocks> {
  const { shape = [], dtype: type = '' } = files.tensors.get(name) ?? {};
  if (dtype === 'i8' ? type === 'Q8_0' : /^Q(4_[01]|8_0)$/.test(type)) {
    const bytes = await files.readBytes(name, options);
    checkScales(name, type, bytes);
    if (dtype === 'i8') return { shape, ...splitQ80(bytes), blockLength: 32 };
    const blocks = blocksAs(dtype, type, bytes);
    if (blocks !== null) return { dtype, bytes: blocks };
  }
  return roundToBlocks({ name, shape, data: await files.read(name, options) }, dtype);
}

/** Throws NonFiniteError for scales and minimums that are no numbers. */
function checkScales(name: string, type: string, bytes: Uint8Array): void {
  for (const offset of type === 'Q4_1' ? [0, 2] : [0]) {
    const halves = blockHalves(type, bytes, offset);
    const block = halves.findIndex((half) => (half & 0x7c00) === 0x7c00);
    if (block === -1) continue;
    throw notFinite(name, `a scale of f16 bits 0x${(halves[block] as number).toString(16)}`, block * 32);
  }
}
