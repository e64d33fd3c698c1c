/** Copies: dtype conversion, permutation of axes, plain copies. */

import { DTypeError, InvalidArgumentError } from '../errors/errors.ts';
import type { DType } from '../tensor/dtype.ts';
import { formatShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { OperationContext } from './operation-context.ts';

/** The tensor in another dtype: f32 ↔ f16, i32 → f32, or a copy. */
export function cast(context: OperationContext, input: Tensor, dtype: DType): Tensor {
  const pair = `${input.dtype} to ${dtype}`;
  if (input.dtype !== dtype && !['f32 to f16', 'f16 to f32', 'i32 to f32'].includes(pair)) {
    throw new DTypeError({ what: 'cast has no such conversion.', got: pair });
  }
  const out = context.allocate(input.shape, dtype);
  if (out.size > 0) context.backend.primitives.cast({ input, out });
  return out;
}

/** The tensor with its axes in the order `axes`; at most 4 axes. */
export function permute(context: OperationContext, input: Tensor, axes: readonly number[]): Tensor {
  const sorted = [...axes].sort((a, b) => a - b);
  if (axes.length !== input.shape.length || axes.length > 4 || sorted.some((axis, place) => axis !== place)) {
    throw new InvalidArgumentError({
      what: 'permute needs each axis once, at most 4.',
      got: `axes ${axes.join(', ')} of ${formatShape(input.shape)}`,
    });
  }
  const out = context.allocate(
    axes.map((axis) => input.shape[axis] as number),
    input.dtype,
  );
  if (out.size > 0) context.backend.primitives.permute({ input, axes, out });
  return out;
}
