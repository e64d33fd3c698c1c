/** Copies: dtype conversion, permutation of axes, plain copies. */

import { DTypeError, InvalidArgumentError } from '../errors/errors.ts';
import { type DType, isBlockDType } from '../tensor/dtype.ts';
import { formatShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { expectHere, type OperationContext, produce } from './operation-context.ts';

/** The tensor in another dtype: f32 ↔ f16, i32 → f32, or a copy (not of dtypes in blocks). */
export function cast(context: OperationContext, input: Tensor, dtype: DType): Tensor {
  expectHere(context, input, 'cast: the input');
  const pair = `${input.dtype} to ${dtype}`;
  if ((input.dtype !== dtype || inBlocks(dtype)) && !['f32 to f16', 'f16 to f32', 'i32 to f32'].includes(pair)) {
    throw new DTypeError({
      what: 'cast has no such conversion.',
      got: pair,
      expected: 'f32 to f16, f16 to f32, i32 to f32, or equal dtypes that are not in blocks',
    });
  }
  return produce(context, input.shape, (out) => context.backend.primitives.cast({ input, out }), dtype);
}

/** The tensor with its axes in the order `axes`; at most 4 axes. */
export function permute(context: OperationContext, input: Tensor, axes: readonly number[]): Tensor {
  expectHere(context, input, 'permute: the input');
  if (inBlocks(input.dtype)) {
    throw new DTypeError({ what: 'permute does not take tensors kept in blocks.', got: input.dtype });
  }
  const sorted = [...axes].sort((a, b) => a - b);
  if (axes.length !== input.shape.length || axes.length > 4 || sorted.some((axis, place) => axis !== place)) {
    throw new InvalidArgumentError({
      what: 'permute needs each axis once, at most 4.',
      got: `axes ${axes.join(', ')} of ${formatShape(input.shape)}`,
    });
  }
  const shape = axes.map((axis) => input.shape[axis] as number);
  return produce(context, shape, (out) => context.backend.primitives.permute({ input, axes, out }), input.dtype);
}

function inBlocks(dtype: DType): boolean {
  return dtype === 'i8' || isBlockDType(dtype);
}
