/**
 * Puts a model's parameters on a device in the dtype its weights are kept in: f32 as they are, f16 rounded to nearest,
 * i8 in blocks. Numbers that a dtype cannot hold are refused by name, never clipped.
 */

import {
  type Backend,
  encodeFloat16,
  NonFiniteError,
  quantizeBlocks,
  Tensor,
  UnsupportedError,
} from '@inattention/core';
import { storedDType, type WeightDType } from '@inattention/core/math';
import { splitQ80 } from '@inattention/formats';

/** A parameter's name in the files, its shape, and its numbers. */
export interface NamedWeight {
  readonly name: string;
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** What weights are kept in, or `auto`: as the file has them, where that loses nothing (see `weightDTypeOf`). */
export type WantedWeightDType = WeightDType | 'auto';

/**
 * The dtype that keeps a file's numbers exactly: f16 when all its matrices are F16, i8 when all are Q8_0, whose blocks i8
 * takes over; otherwise f32 (for BF16 too, whose range f16 does not have).
 */
export function weightDTypeOf(
  tensors: Iterable<{ readonly dtype: string; readonly shape: readonly number[] }>,
): WeightDType {
  const dtypes = new Set([...tensors].filter(({ shape }) => shape.length > 1).map(({ dtype }) => dtype));
  if (dtypes.size !== 1) return 'f32';
  return dtypes.has('F16') ? 'f16' : dtypes.has('Q8_0') ? 'i8' : 'f32';
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

/**
 * A parameter on the device, in `wanted` or, where its shape does not allow that, in f32 (`storedDType`). Throws
 * NonFiniteError for infinities, NaN and numbers beyond f16, OutOfMemoryError.
 */
export function placeWeight(backend: Backend, { name, shape, data }: NamedWeight, wanted: WeightDType): Tensor {
  checkFinite(name, data);
  const dtype = storedDType(shape, wanted);
  if (dtype === 'i8') return Tensor.fromBlocks(backend, quantizeBlocks(data, shape, { name }), 'weights');
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

/** A parameter stored as Q8_0 blocks, on the device as it is. Throws NonFiniteError, OutOfMemoryError. */
export function placeQ80(backend: Backend, name: string, shape: readonly number[], bytes: Uint8Array): Tensor {
  const { values, scales } = splitQ80(bytes);
  const block = scales.findIndex((scale) => !Number.isFinite(scale));
  if (block !== -1) throw notFinite(name, `a scale of ${scales[block]}`, block * 32);
  return Tensor.fromBlocks(backend, { shape, values, scales, blockLength: 32 }, 'weights');
}

function checkFinite(name: string, data: Float32Array): void {
  for (let i = 0; i < data.length; i += 1) {
    if (!Number.isFinite(data[i])) throw notFinite(name, String(data[i]), i);
  }
}

/** The first f16 pattern that is an infinity or NaN; −1 when there is none. */
function firstNonFinite(bits: Uint16Array): number {
  return bits.findIndex((half) => (half & 0x7c00) === 0x7c00);
}

function notFinite(name: string, value: string, index: number): NonFiniteError {
  return new NonFiniteError({
    what: `The weight "${name}" holds a value that is not a number.`,
    got: `${value} at element ${index}`,
    expected: 'finite numbers',
    fix: 'the file is damaged or its training diverged: use another checkpoint',
  });
}
