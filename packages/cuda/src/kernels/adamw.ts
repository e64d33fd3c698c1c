/**
 * One AdamW step by TensorFlow's fused ResourceApplyAdam, in place: parameter and moments become variables for the time of
 * the call and are taken back. Its formula has ε beside √v; the contract has it beside √(v / (1 − β₂ᵗ)):
 *
 *     lr · (m / (1 − β₁ᵗ)) / (√(v / (1 − β₂ᵗ)) + ε) = lr √(1 − β₂ᵗ) / (1 − β₁ᵗ) · m / (√v + ε √(1 − β₂ᵗ))
 *
 * so ε √(1 − β₂ᵗ) is passed. The decay, which Adam does not have, is a product before.
 */

import type { AdamWArguments, TensorView } from '@inattention/core';
import { elementsOf, type Handle } from '../execution/handle.ts';
import type { KernelContext } from './kernel-context.ts';

const typed = { dtype: 'float' } as const;
const assigned = { dtype: 'float', validate_shape: false } as const;
const destroyed = { ignore_lookup_error: true } as const;
const applied = { T: 'float', use_locking: false, use_nesterov: false } as const;

/** The name with which TensorFlow makes a variable that nobody else finds. */
const anonymous = { text: 'cd2c89b7-88b7-44c8-ad83-06c2a9158347' } as const;

export function adamw(context: KernelContext, args: AdamWArguments): void {
  const { parameter, gradient, firstMoment, secondMoment } = args;
  const { learningRate, beta1, beta2, epsilon, weightDecay, step } = args;
  const { operations, runtime, memory } = context;
  const shape = [elementsOf(parameter.shape)];
  const slope = context.words(gradient, shape);
  const before = context.words(parameter, shape);
  const decayed = operations.binary('Mul', before, runtime.scalar(1 - learningRate * weightDecay));
  const [power1, power2] = [beta1 ** step, beta2 ** step];
  const rootOfPower = Math.sqrt(1 - power2);
  // Powers, rate, decays, ε: in this order. 1 − β₂ᵗ in float32 would lose digits, so the corrections are made here.
  const rate = (learningRate * rootOfPower) / (1 - power1);
  const numbers = [0, 0, rate, beta1, beta2, epsilon * rootOfPower].map((value) =>
    runtime.upload(Float32Array.of(value), []),
  );
  const targets: readonly TensorView[] = [parameter, firstMoment, secondMoment];
  const values = [decayed, taken(context, firstMoment, shape), taken(context, secondMoment, shape)];
  const attributes = { dtype: 'float', shape: { sizes: shape }, shared_name: anonymous } as const;
  const variables = values.map(() => runtime.run('VarHandleOp', [], attributes));
  variables.forEach((variable, place) => {
    const value = values[place] as Handle;
    runtime.runOnly('AssignVariableOp', [variable, value], assigned);
    runtime.discard(value); // the variable alone holds it now, so that it is changed in place
  });
  try {
    runtime.runOnly('ResourceApplyAdam', [...variables, ...numbers, slope], applied);
  } finally {
    variables.forEach((variable, place) => {
      const result = runtime.run('ReadVariableOp', [variable], typed);
      runtime.runOnly('DestroyResourceOp', [variable], destroyed);
      context.store(targets[place] as TensorView, result);
    });
    memory.updateReserved();
  }
}

/** The contents of a view as a tensor that nobody else holds: taken out of its buffer, or a copy of a part of one. */
function taken(context: KernelContext, view: TensorView, shape: readonly number[]): Handle {
  const { operations, memory } = context;
  const buffer = context.bufferOf(view);
  if (!context.isWhole(view) || buffer.place !== null) return operations.copy(context.words(view, shape));
  return operations.reshape(memory.take(buffer), shape);
}
