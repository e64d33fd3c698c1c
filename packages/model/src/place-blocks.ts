/**
 * Puts parameters on a device in dtypes that are kept in blocks: i8, q8_0, q4_1. A GGUF file's blocks are taken over bit for
 * bit where they are of the dtype, numbers are rounded to blocks. Loaded when a model has such weights.
 */

import { type Backend, encodeWeightBlocks, isBlockDType, quantizeBlocks, Tensor } from '@inattention/core';
import { storedDType, type WeightDType } from '@inattention/core/math';
import { blockHalves, blocksAs, type ReadOptions, splitQ80, type WeightFiles } from '@inattention/formats';
import { checkFinite, type NamedWeight, notFinite, placeFloats } from './place-weight.ts';

/**
 * A parameter on the device, in `wanted` or, where its shape does not allow that, in f32 (`storedDType`). Throws
 * NonFiniteError for infinities, NaN and numbers that the dtype cannot hold, OutOfMemoryError.
 */
export function placeWeight(backend: Backend, weight: NamedWeight, wanted: WeightDType): Tensor {
  const { name, shape, data } = weight;
  const dtype = storedDType(shape, wanted);
  if (dtype === 'f32' || dtype === 'f16') return placeFloats(backend, weight, dtype);
  checkFinite(name, data);
  if (dtype === 'i8') return Tensor.fromBlocks(backend, quantizeBlocks(data, shape, { name }), 'weights');
  return Tensor.fromEncoded(backend, dtype, encodeWeightBlocks(dtype, data, name), shape, 'weights');
}

/** A parameter of a model's files on the device in `dtype`, which its shape allows. Throws as `placeWeight` does. */
export async function placeFileBlocks(
  backend: Backend,
  files: WeightFiles,
  name: string,
  dtype: WeightDType,
  options: ReadOptions,
): Promise<Tensor> {
  const { shape = [], dtype: type = '' } = files.tensors.get(name) ?? {};
  if (dtype === 'i8' && type === 'Q8_0') {
    const bytes = await files.readBytes(name, options);
    checkScales(name, type, bytes);
    return Tensor.fromBlocks(backend, { shape, ...splitQ80(bytes), blockLength: 32 }, 'weights');
  }
  if (isBlockDType(dtype) && /^Q(4_[01]|8_0)$/.test(type)) {
    const bytes = await files.readBytes(name, options);
    checkScales(name, type, bytes);
    const blocks = blocksAs(dtype, type, bytes);
    if (blocks !== null) return Tensor.fromEncoded(backend, dtype, blocks, shape, 'weights');
  }
  return placeWeight(backend, { name, shape, data: await files.read(name, options) }, dtype);
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
