/** Puts numbers on a device in a dtype of choice: what new models and benches do. Loading models takes blocks as they are. */

import type { Backend, Tensor } from '@inattention/core';
import { storedDType, type WeightDType } from '@inattention/core/math';
import { type NamedWeight, placeBlocks, placeFloats } from './place-weight.ts';
import { roundToBlocks } from './weight-blocks.ts';

/**
 * A parameter on the device, in `wanted` or, where its shape does not allow that, in f32 (`storedDType`). Throws
 * NonFiniteError for infinities, NaN and numbers that the dtype cannot hold, OutOfMemoryError.
 */
export function placeWeight(backend: Backend, weight: NamedWeight, wanted: WeightDType): Tensor {
  const dtype = storedDType(weight.shape, wanted);
  if (dtype === 'f32' || dtype === 'f16') return placeFloats(backend, weight, dtype);
  return placeBlocks(backend, weight.shape, roundToBlocks(weight, dtype));
}
