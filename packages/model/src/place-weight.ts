/**
 * Puts parameters on a device as f32, as f16, rounded to nearest, or in blocks that weight-blocks.ts makes.
 * Numbers that a dtype cannot hold are refused by name, never clipped.
 */

import {
  type Backend,
  type BlockDType,
  type BlockScaledArray,
  encodeFloat16,
  NonFiniteError,
  Tensor,
  UnsupportedError,
} from '@inattention/core';
import type { WeightDType } from '@inattention/core/math';
import { checkFinite, notFinite } from './finite-weights.ts';

/** A parameter's name in the files, its shape, and its numbers. */
export interface NamedWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** Throws UnsupportedError unless the backend takes weights of `dtype`. */
export function checkWeightDType(backend: Backend, dtype: WeightDType): void {
  const { weightDTypes } = backend.capabilities;
  if (weightDTypes.includes(dtype)) return;
  throw new UnsupportedError({
    what: `The ${backend.name} backend does not take ${dtype} weights.`,
    got: dtype,
    expected: weightDTypes.join(' or '),
    fix: `load the model with weights of ${weightDTypes.join(' or ')}, or use another backend`,
  });
}

/** A parameter on the device. Throws NonFiniteError for infinities, NaN and numbers beyond f16, OutOfMemoryError. */
export function placeFloats(backend: Backend, { name, shape, data }: NamedWeight, dtype: 'f32' | 'f16'): Tensor {
  checkFinite(name, data);
  if (dtype === 'f32') return Tensor.from(backend, data, shape, 'weights');
  const bits = encodeFloat16(data);
  const overflow = firstNonFinite(bits);
  if (overflow !== -1) {
    throw new NonFiniteError({
      what: `The weight "${name}" holds a number that f16 cannot.`,
      got: `${data[overflow]} at element ${overflow}`,
      expected: 'magnitudes up to 65504',
      fix: 'load the model with f32 weights',
    });
  }
  return Tensor.from(backend, bits, shape, 'weights');
}

/** A parameter stored as f16, on the device as it is. Throws NonFiniteError, OutOfMemoryError. */
export function placeHalves(backend: Backend, name: string, shape: readonly number[], bits: Uint16Array): Tensor {
  const index = firstNonFinite(bits);
  if (index !== -1) throw notFinite(name, `f16 bits 0x${(bits[index] as number).toString(16)}`, index);
  return Tensor.from(backend, bits, shape, 'weights');
}

/** The first f16 pattern that is an infinity or NaN; −1 when there is none. */
function firstNonFinite(bits: Uint16Array): number {
  return bits.findIndex((half) => (half & 0x7c00) === 0x7c00);
}

/** Weights in blocks: of 8 bits with f32 scales (i8), or a GGUF file's own, rows of whole blocks. */
export type WeightBlocks = BlockScaledArray | { readonly dtype: BlockDType; readonly bytes: Uint8Array };

/** A parameter in blocks on the device. Throws OutOfMemoryError. */
export function placeBlocks(backend: Backend, shape: readonly number[], blocks: WeightBlocks): Tensor {
  if ('bytes' in blocks) return Tensor.fromEncoded(backend, blocks.dtype, blocks.bytes, shape, 'weights');
  return Tensor.fromBlocks(backend, blocks, 'weights');
}
