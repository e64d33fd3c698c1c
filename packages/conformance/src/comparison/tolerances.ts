/**
 * How far a backend's result may be from the float64 reference: one table, operation × dtype × backend, each entry with
 * its reason. The reference is given the very numbers the backend is given (already rounded to f32 or f16), so an entry
 * covers the arithmetic alone, unless it says otherwise.
 *
 * u = 2⁻²⁴ is the largest relative error of one f32 rounding; 2⁻¹¹ that of f16. Entries assume the sizes and magnitudes
 * of the suite (reductions up to 4,096 terms, scores up to 30).
 */

import { InvalidArgumentError } from '@inattention/core';
import type { Tolerance } from './compare-arrays.ts';

/** An operation of the Backend contract, or a whole-model result. */
export type ToleranceOperation =
  | 'fill'
  | 'cast'
  | 'add'
  | 'subtract'
  | 'multiply'
  | 'divide'
  | 'affine'
  | 'exp'
  | 'log'
  | 'sqrt'
  | 'sigmoid'
  | 'sum'
  | 'max'
  | 'matmul'
  | 'gatherRows'
  | 'scatterAddRows'
  | 'permute'
  | 'copyBlock'
  | 'rmsNorm'
  | 'rmsNormBackward'
  | 'rope'
  | 'swiglu'
  | 'swigluBackward'
  | 'attend'
  | 'attendBackward'
  | 'attendWeights'
  | 'crossEntropy'
  | 'crossEntropyBackward'
  | 'adamw'
  | 'logits'
  | 'loss'
  | 'gradient';

/** dtype of the stored operand: weights, or context rows. Arithmetic is f32 in all. */
export type StoredDType = 'f32' | 'f16' | 'i8' | 'q8_0' | 'q4_1';

export interface ToleranceRule {
  readonly operation: ToleranceOperation;
  readonly dtype: StoredDType;
  /** The `name` of a backend, or '*' for every backend without a rule of its own. */
  readonly backend: string;
  readonly tolerance: Tolerance;
  readonly reason: string;
}

const exact: Tolerance = { atol: 0, rtol: 0 };

/** Subnormal f32 results may be flushed to zero. */
const smallestNormal = 2 ** -126;

const rule = (
  operation: ToleranceOperation,
  dtype: StoredDType,
  backend: string,
  tolerance: Tolerance,
  reason: string,
): ToleranceRule => ({ operation, dtype, backend, tolerance, reason });

export const tolerances: readonly ToleranceRule[] = [
  rule('fill', 'f32', '*', exact, 'Copies one number.'),
  rule('cast', 'f32', '*', exact, 'Widening and copying lose nothing.'),
  rule('cast', 'f16', '*', { atol: 2 ** -25, rtol: 2 ** -11 }, 'One rounding to f16; half its least subnormal near 0.'),
  rule('gatherRows', 'f32', '*', exact, 'Copies rows.'),
  rule('gatherRows', 'f16', '*', exact, 'Every f16 is an f32.'),
  rule('gatherRows', 'i8', '*', { atol: smallestNormal, rtol: 2 ** -24 }, 'One product, a scale times an integer.'),
  rule('gatherRows', 'q8_0', '*', exact, 'An f16 scale times an 8-bit integer is an f32.'),
  rule('gatherRows', 'q4_1', '*', { atol: smallestNormal, rtol: 2 ** -24 }, 'An exact product, and one sum.'),
  rule('permute', 'f32', '*', exact, 'Copies numbers.'),
  rule('copyBlock', 'f32', '*', exact, 'Copies numbers.'),
  rule('max', 'f32', '*', { atol: smallestNormal, rtol: 0 }, 'One of its inputs, subnormals perhaps flushed.'),

  rule('add', 'f32', '*', { atol: smallestNormal, rtol: 2 ** -24 }, 'One correctly rounded operation.'),
  rule('subtract', 'f32', '*', { atol: smallestNormal, rtol: 2 ** -24 }, 'One correctly rounded operation.'),
  rule('multiply', 'f32', '*', { atol: smallestNormal, rtol: 2 ** -24 }, 'One correctly rounded operation.'),
  rule('divide', 'f32', '*', { atol: smallestNormal, rtol: 2 ** -24 }, 'One correctly rounded operation.'),
  rule('divide', 'f32', 'webgpu', { atol: smallestNormal, rtol: 2.5 * 2 ** -23 }, 'WGSL allows division 2.5 ULP.'),
  rule('affine', 'f32', '*', { relativeToMax: 2 ** -22 }, 'Two roundings, or one if fused; the sum may cancel.'),
  rule(
    'exp',
    'f32',
    '*',
    { atol: smallestNormal, rtol: 2e-6 },
    'A polynomial after reducing x: rounding x·log₂e costs |x|·u.',
  ),
  rule(
    'exp',
    'f32',
    'webgpu',
    { atol: smallestNormal, rtol: 8e-6 },
    'WGSL allows 3 + 2|x| ULP; |x| ≤ 30 in the suite.',
  ),
  rule('log', 'f32', '*', { atol: 2 ** -21, rtol: 2 ** -21 }, 'WGSL allows 2⁻²¹ on [½, 2], 3 ULP elsewhere.'),
  rule('sqrt', 'f32', '*', { atol: smallestNormal, rtol: 2 ** -24 }, 'Correctly rounded by IEEE 754.'),
  rule('sqrt', 'f32', 'webgpu', { atol: smallestNormal, rtol: 5 * 2 ** -23 }, 'WGSL: as 1 / inverseSqrt, 2 + 2.5 ULP.'),
  rule('sigmoid', 'f32', '*', { atol: smallestNormal, rtol: 2e-6 }, 'An exponential, an addition and a division.'),
  rule('sigmoid', 'f32', 'webgpu', { atol: smallestNormal, rtol: 8e-6 }, 'As exp of WGSL.'),

  rule('sum', 'f32', '*', { relativeToMax: 1e-5 }, 'Up to 4,096 roundings whose signs vary, in an order of its own.'),
  rule('matmul', 'f32', '*', { relativeToMax: 1e-5 }, 'As sum, over products that are rounded or fused.'),
  rule('matmul', 'f16', '*', { relativeToMax: 1e-5 }, 'f16 weights are read as they are and multiplied in f32.'),
  rule('matmul', 'i8', '*', { relativeToMax: 1e-5 }, 'A scale times a sum, or products of scaled integers: as f32.'),
  ...(['q8_0', 'q4_1'] as const).map((dtype) =>
    rule(
      'matmul',
      dtype,
      '*',
      { relativeToMax: 1e-5 },
      'Of a as it is or, where products are in integers, rounded: as f32.',
    ),
  ),
  rule('scatterAddRows', 'f32', '*', { relativeToMax: 2e-6 }, 'A sum of the few rows that meet at one id.'),

  rule('rmsNorm', 'f32', '*', { relativeToMax: 2e-6 }, 'A sum of squares (no cancellation), a root, two products.'),
  rule('rmsNormBackward', 'f32', '*', { relativeToMax: 1e-5 }, 'The projection on x is subtracted and may cancel.'),
  rule('rope', 'f32', '*', { relativeToMax: 1e-6 }, 'f32 tables of float64 angles, angle addition, a 2 × 2 product.'),
  rule('swiglu', 'f32', '*', { relativeToMax: 4e-6 }, 'A sigmoid and two products.'),
  rule('swiglu', 'f32', 'webgpu', { relativeToMax: 1e-5 }, 'As sigmoid of WGSL.'),
  rule('swigluBackward', 'f32', '*', { relativeToMax: 4e-6 }, 'A sigmoid, five products; 1 + a(1 − σ) may cancel.'),
  rule('swigluBackward', 'f32', 'webgpu', { relativeToMax: 1e-5 }, 'As sigmoid of WGSL.'),

  rule(
    'attend',
    'f32',
    '*',
    { relativeToMax: 2e-5 },
    'Scores up to 30 are off by about 30 · 4u; exp makes that relative.',
  ),
  rule('attend', 'f16', '*', { relativeToMax: 2e-5 }, 'f16 rows are read as they are; arithmetic is f32.'),
  rule('attendBackward', 'f32', '*', { relativeToMax: 5e-5 }, 'As attend, and da − Σ a da may cancel.'),
  rule('attendWeights', 'f32', '*', { relativeToMax: 2e-5 }, 'As attend.'),
  rule('attendWeights', 'f16', '*', { relativeToMax: 2e-5 }, 'As attend.'),
  rule(
    'crossEntropy',
    'f32',
    '*',
    { atol: 1e-5, rtol: 1e-6 },
    'log Σ exp minus a logit: both up to 30, so a few ULP of 30.',
  ),
  rule(
    'crossEntropyBackward',
    'f32',
    '*',
    { relativeToMax: 1e-5 },
    'exp of a difference that is off by a few ULP of 30.',
  ),
  rule('adamw', 'f32', '*', { relativeToMax: 4e-6 }, 'About ten roundings, a root and a division; no sums.'),

  rule('logits', 'f32', '*', { relativeToMax: 1e-4 }, 'A few layers, each adding the errors of its operations.'),
  rule(
    'logits',
    'f16',
    '*',
    { relativeToMax: 2e-2 },
    'The reference keeps keys and values unrounded: 2⁻¹¹ per number, times scores of 30.',
  ),
  ...(['q8_0', 'q4_1'] as const).map((dtype) =>
    rule(
      'logits',
      dtype,
      '*',
      { relativeToMax: 1e-3 },
      'The reference does not round activations: up to max|x| / 65534 in each product, which peaked attention amplifies.',
    ),
  ),
  rule(
    'loss',
    'f32',
    '*',
    { atol: 4e-4, rtol: 1e-5 },
    'Twice the error of logits, which reach 25 in the golden cases; 4e-5 measured on the CPU.',
  ),
  rule('loss', 'f16', '*', { atol: 5e-2, rtol: 5e-3 }, 'As logits of f16 contexts.'),
  rule('gradient', 'f32', '*', { relativeToMax: 2e-4 }, 'As logits, through every operation twice.'),

  // cuda with `tf32: true` on Ampere and newer. Derived, not measured: no such GPU was at hand.
  ...(['f32', 'f16', 'i8'] as const).map((dtype) =>
    rule('matmul', dtype, 'cuda-tf32', { relativeToMax: 2e-3 }, 'Factors are rounded to 10 bits: 2⁻¹¹ each.'),
  ),
  ...(['f32', 'f16'] as const).flatMap((dtype) => [
    rule('attend', dtype, 'cuda-tf32', { relativeToMax: 3e-2 }, 'Scores up to 30 are off by 30 · 2⁻¹¹.'),
    rule('attendWeights', dtype, 'cuda-tf32', { relativeToMax: 3e-2 }, 'As attend.'),
    rule('logits', dtype, 'cuda-tf32', { relativeToMax: 3e-2 }, 'As attend, layer by layer.'),
    rule('loss', dtype, 'cuda-tf32', { atol: 1e-1, rtol: 1e-2 }, 'As logits.'),
  ]),
  rule('attendBackward', 'f32', 'cuda-tf32', { relativeToMax: 6e-2 }, 'As attend, and differences may cancel.'),
  rule('gradient', 'f32', 'cuda-tf32', { relativeToMax: 6e-2 }, 'As logits, through every operation twice.'),
];

/** The tolerance of an operation: the backend's own rule, or else the one for every backend. */
export function toleranceFor(operation: ToleranceOperation, dtype: StoredDType, backend: string): Tolerance {
  const rules = tolerances.filter((candidate) => candidate.operation === operation && candidate.dtype === dtype);
  const chosen = rules.find((candidate) => candidate.backend === backend) ?? rules.find(({ backend: b }) => b === '*');
  if (chosen === undefined) {
    throw new InvalidArgumentError({ what: 'There is no tolerance for this.', got: `${operation} in ${dtype}` });
  }
  return chosen.tolerance;
}
