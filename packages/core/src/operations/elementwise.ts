/** Elementwise arithmetic; the second operand may repeat (a suffix of the shape, one number per row, or a scalar). */

import type { BinaryArguments, Broadcast, UnaryArguments } from '../backend/primitives.ts';
import { ShapeError } from '../errors/errors.ts';
import { formatShape, type Shape, sameShape, sizeOf } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { expectFloat, type OperationContext } from './operation-context.ts';

export type BinaryKind = 'add' | 'subtract' | 'multiply' | 'divide';
export type UnaryKind = 'exp' | 'log' | 'sqrt' | 'sigmoid';

/**
 * How `b` repeats over `a`. Accepted: equal shapes, a suffix of a's shape, a's shape with trailing axes of length 1,
 * a scalar. Throws ShapeError otherwise.
 */
export function broadcastOf(a: Shape, b: Shape, where: string): Broadcast {
  const size = sizeOf(b);
  if (size === 1) return { length: 1, stride: 1 };
  if (sameShape(a.slice(a.length - b.length), b)) return { length: size, stride: 1 };
  const kept = b.findLastIndex((dimension) => dimension !== 1) + 1;
  if (b.length === a.length && sameShape(a.slice(0, kept), b.slice(0, kept))) {
    return { length: size, stride: sizeOf(a.slice(kept)) };
  }
  throw new ShapeError({
    what: `${where}: the second operand cannot repeat over the first.`,
    got: `${formatShape(a)} and ${formatShape(b)}`,
    expected: 'equal shapes, a suffix of the first, the first with trailing axes of length 1, or a scalar',
  });
}

export function binary(context: OperationContext, kind: BinaryKind, a: Tensor, b: Tensor): Tensor {
  expectFloat(a, `${kind}: the first operand`);
  expectFloat(b, `${kind}: the second operand`);
  const broadcast = broadcastOf(a.shape, b.shape, kind);
  const out = context.allocate(a.shape);
  const args: BinaryArguments = { a, b, broadcast, out };
  if (out.size > 0) context.backend.primitives[kind](args);
  return out;
}

export function unary(context: OperationContext, kind: UnaryKind, input: Tensor): Tensor {
  expectFloat(input, kind);
  const out = context.allocate(input.shape);
  const args: UnaryArguments = { input, out };
  if (out.size > 0) context.backend.primitives[kind](args);
  return out;
}

/** scale · input + offset. */
export function affine(context: OperationContext, input: Tensor, scale: number, offset: number): Tensor {
  expectFloat(input, 'affine');
  const out = context.allocate(input.shape);
  if (out.size > 0) context.backend.primitives.affine({ input, scale, offset, out });
  return out;
}
