/** SwiGLU's gate (Shazeer, arXiv 2002.05202): silu(gate) ⊙ up, with silu(z) = z · sigmoid(z). */

import { ShapeError } from '../errors/errors.ts';
import { formatShape, sameShape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { affine, binary, unary } from './elementwise.ts';
import { expectFloat, type OperationContext, produce } from './operation-context.ts';

export function swiglu(context: OperationContext, gate: Tensor, up: Tensor): Tensor {
  check(context, gate, up);
  const { swiglu: fused } = context.fused;
  if (fused === undefined) {
    return context.scope(() => {
      const silu = binary(context, 'multiply', gate, unary(context, 'sigmoid', gate));
      return binary(context, 'multiply', silu, up);
    });
  }
  return produce(context, gate.shape, (out) => fused({ gate, up, out }));
}

/** Gradients: with σ = sigmoid(gate), d gate = grad ⊙ up ⊙ σ(1 + gate(1 − σ)), d up = grad ⊙ gate σ. */
export function swigluBackward(
  context: OperationContext,
  gate: Tensor,
  up: Tensor,
  gradOut: Tensor,
): { readonly gate: Tensor; readonly up: Tensor } {
  check(context, gate, up);
  expectFloat(context, gradOut, 'swigluBackward: the gradient', gate.shape);
  const { swigluBackward: fused } = context.fused;
  const product = (a: Tensor, b: Tensor) => binary(context, 'multiply', a, b);
  return context.scope(() => {
    if (fused !== undefined) {
      const gradGate = context.allocate(gate.shape);
      const gradUp = context.allocate(up.shape);
      if (gate.size > 0) fused({ gate, up, gradOut, gradGate, gradUp });
      return { gate: gradGate, up: gradUp };
    }
    const sigmoid = unary(context, 'sigmoid', gate);
    const inner = affine(context, product(gate, affine(context, sigmoid, -1, 1)), 1, 1); // 1 + gate(1 − σ)
    const gradSilu = product(product(gradOut, up), sigmoid);
    return { gate: product(gradSilu, inner), up: product(gradOut, product(gate, sigmoid)) };
  });
}

function check(context: OperationContext, gate: Tensor, up: Tensor): void {
  expectFloat(context, gate, 'swiglu: the gate');
  expectFloat(context, up, 'swiglu: up');
  if (!sameShape(gate.shape, up.shape)) {
    throw new ShapeError({
      what: 'swiglu needs two tensors of one shape.',
      got: `${formatShape(gate.shape)} and ${formatShape(up.shape)}`,
    });
  }
}
