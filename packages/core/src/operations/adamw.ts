/** One AdamW step in place (Loshchilov & Hutter, arXiv 1711.05101, algorithm 2). */

import type { AdamWArguments } from '../backend/fused.ts';
import { InvalidArgumentError, ShapeError } from '../errors/errors.ts';
import { formatShape, sameShape } from '../tensor/shape.ts';
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

/** Updates parameter and moments in place. */
export function adamw(context: OperationContext, state: AdamWState, options: AdamWOptions): void {
  check(state, options);
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

function check(state: AdamWState, { step }: AdamWOptions): void {
  for (const [name, tensor] of Object.entries(state)) {
    expectFloat(tensor, `adamw: ${name}`);
    if (!sameShape(tensor.shape, state.parameter.shape)) {
      throw new ShapeError({
        what: `adamw: ${name} must have the parameter's shape.`,
        got: formatShape(tensor.shape),
        expected: formatShape(state.parameter.shape),
      });
    }
  }
  if (!Number.isInteger(step) || step < 1) {
    throw new InvalidArgumentError({ what: 'adamw counts steps from 1.', got: String(step) });
  }
}
