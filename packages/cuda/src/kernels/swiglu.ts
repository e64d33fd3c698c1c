/**
 * silu(gate) ⊙ up and its gradient. silu in one operation: SoftplusGrad(g, x) is g / (exp(−x) + 1), so with g = x it is
 * x σ(x).
 */

import type { FusedOperations } from '@inattention/core';
import type { KernelContext } from './kernel-context.ts';

type Arguments = Parameters<FusedOperations['swiglu']>[0];
type BackwardArguments = Parameters<FusedOperations['swigluBackward']>[0];

export function swiglu(context: KernelContext, { gate, up, out }: Arguments): void {
  const { operations } = context;
  const x = context.words(gate);
  context.store(out, operations.binary('Mul', operations.binary('SoftplusGrad', x, x), context.words(up, x.shape)));
}

/** ∂gate = ∂out ⊙ up ⊙ σ (1 + x (1 − σ)), ∂up = ∂out ⊙ x σ. */
export function swigluBackward(context: KernelContext, args: BackwardArguments): void {
  const { gate, up, gradOut, gradGate, gradUp } = args;
  const { operations, runtime } = context;
  const x = context.words(gate);
  const gradient = context.words(gradOut, x.shape);
  const sigmoid = operations.unary('Sigmoid', x);
  const silu = operations.binary('Mul', x, sigmoid);
  // σ + xσ − xσσ
  const slope = operations.binary(
    'AddV2',
    sigmoid,
    operations.binary('Sub', silu, operations.binary('Mul', silu, sigmoid)),
  );
  const towardGate = operations.binary('Mul', operations.binary('Mul', gradient, context.words(up, x.shape)), slope);
  const towardUp = operations.binary('Mul', gradient, silu);
  runtime.discard(sigmoid);
  context.store(gradGate, towardGate);
  context.store(gradUp, towardUp);
}
