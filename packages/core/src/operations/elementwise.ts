/** Elementwise arithmetic; the second operand may repeat (a suffix of the shape, one number per row, or a scalar). */

import type { Broadcast } from '../backend/primitives.ts';
import { ShapeError } from '../errors/errors.ts';
import { formatShape, type Shape, sameShape, sizeOf } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { expectFloat, type OperationContext, produce } from './operation-context.ts';

export type BinaryKind = 'add' | 'subtract' | 'multiply' | 'divide';
export type UnaryKind = 'exp' | 'log' | 'sqrt' | 'sigmoid';

/**
 * How `b` repeats over `a`. Accepted: equal shapes, a suffix of a's shape, a's shape with trailing axes of length 1,
 * a scalar. Throws ShapeError otherwise.
 */
function broadcastOf(a: Shape, b: Shape, where: string): Broadcast {
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
  expectFloat(context, a, `${kind}: the first operand`);
  expectFloat(context, b, `${kind}: the second operand`);
  const broadcast = broadcastOf(a.shape, b.shape, kind);
  return produce(context, a.shape, (out) => context.backend.primitives[kind]({ a, b, broadcast, out }));
}

/** target ← target + part, in place, for equal shapes. */
export function addInto(context: OperationContext, target: Tensor, part: Tensor): void {
  expectFloat(context, target, 'add: the first operand');
  expectFloat(context, part, 'add: the second operand', target.shape);
  if (target.size === 0) return;
  const broadcast = { length: target.size, stride: 1 };
  context.backend.primitives.add({ a: target, b: part, broadcast, out: target });
}

export function unary(context: OperationContext, kind: UnaryKind, input: Tensor): Tensor {
  expectFloat(context, input, kind);
  return produce(context, input.shape, (out) => context.backend.primitives[kind]({ input, out }));
}

/** scale · input + offset. */
export function affine(context: OperationContext, input: Tensor, scale: number, offset: number): Tensor {
  expectFloat(context, input, 'affine');
  return produce(context, input.shape, (out) => context.backend.primitives.affine({ input, scale, offset, out }));
}
