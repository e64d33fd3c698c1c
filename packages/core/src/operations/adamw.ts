/** One AdamW step in place (Loshchilov & Hutter, arXiv 1711.05101, algorithm 2). */

import type { AdamWArguments } from '../backend/fused.ts';
import { InvalidArgumentError } from '../errors/errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { affine, binary, unary } from './elementwise.ts';
import { expectFloat, type OperationContext } from './operation-context.ts';

export interface AdamWState {
  readonly parameter: Tensor;
  readonly gradient: Tensor;
  /** m; starts at 0. */
  readonly firstMoment: Tensor;
  /** v; starts at 0. */
  readonly secondMoment: Tensor;
}

export type AdamWOptions = Omit<AdamWArguments, keyof AdamWState>;

/**
 * Updates parameter and moments in place. `context`: the operations to run it with (EagerOperations). A function and no
 * method, so that a page that only generates does not download it.
 */
export function adamw(context: OperationContext, state: AdamWState, options: AdamWOptions): void {
  check(context, state, options);
  if (state.parameter.size === 0) return;
  const { adamw: fused } = context.fused;
  if (fused !== undefined) fused({ ...state, ...options });
  else composed(context, state, options);
}

function composed(context: OperationContext, state: AdamWState, options: AdamWOptions): void {
  const { parameter, gradient, firstMoment, secondMoment } = state;
  const { learningRate, beta1, beta2, epsilon, weightDecay, step } = options;
  context.scope(() => {
    const blend = (moment: Tensor, value: Tensor, beta: number) =>
      binary(context, 'add', affine(context, moment, beta, 0), affine(context, value, 1 - beta, 0));
    const first = blend(firstMoment, gradient, beta1);
    const second = blend(secondMoment, binary(context, 'multiply', gradient, gradient), beta2);
    const corrected = affine(context, second, 1 / (1 - beta2 ** step), 0);
    const denominator = affine(context, unary(context, 'sqrt', corrected), 1, epsilon);
    const update = binary(context, 'divide', affine(context, first, 1 / (1 - beta1 ** step), 0), denominator);
    const decayed = affine(context, parameter, 1 - learningRate * weightDecay, 0);
    const next = binary(context, 'subtract', decayed, affine(context, update, learningRate, 0));
    context.backend.primitives.cast({ input: first, out: firstMoment });
    context.backend.primitives.cast({ input: second, out: secondMoment });
    context.backend.primitives.cast({ input: next, out: parameter });
  });
}

function check(context: OperationContext, state: AdamWState, options: AdamWOptions): void {
  for (const name of ['parameter', 'gradient', 'firstMoment', 'secondMoment'] as const) {
    expectFloat(context, state[name], `adamw: ${name}`, state.parameter.shape);
  }
  const { learningRate, beta1, beta2, epsilon, weightDecay, step } = options;
  const valid =
    [learningRate, epsilon, weightDecay].every((rate) => Number.isFinite(rate) && rate >= 0) &&
    [beta1, beta2].every((beta) => beta >= 0 && beta < 1);
  if (!valid) {
    throw new InvalidArgumentError({
      what: 'adamw was given a rate outside its domain.',
      got: JSON.stringify({ learningRate, beta1, beta2, epsilon, weightDecay }),
      expected: 'β₁ and β₂ in [0, 1); the others finite and not negative',
    });
  }
  if (!Number.isInteger(step) || step < 1) {
    throw new InvalidArgumentError({
      what: 'adamw counts steps from 1.',
      got: String(step),
      expected: 'a positive integer',
    });
  }
}
