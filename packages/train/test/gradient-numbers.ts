/** Gradients as numbers, and how far they are apart. */

import { expect } from 'vitest';
import type { TrainingText } from '../src/data/batch-source.ts';
import type { StepGradients } from '../src/step/gradients.ts';

export interface GradientNumbers {
  readonly loss: number;
  readonly gradients: ReadonlyMap<string, Float32Array>;
}

/** A text of a batch. */
export function text(
  tokens: Int32Array | readonly number[],
  positions?: readonly number[],
  documentStarts: readonly number[] = [],
): TrainingText {
  return {
    tokens: Int32Array.from(tokens),
    documentStarts: Int32Array.from(documentStarts),
    ...(positions !== undefined && { positions: Int32Array.from(positions) }),
  };
}

/** Reads the gradients of a step, and disposes of them. */
export async function numbersOf(step: StepGradients): Promise<GradientNumbers> {
  const [loss = Number.NaN] = await step.loss.readFloat32();
  const gradients = new Map<string, Float32Array>();
  for (const [name, tensor] of step.gradients) gradients.set(name, await tensor.readFloat32());
  step.dispose();
  return { loss, gradients };
}

/** The largest error of any gradient, as a share of that gradient's largest number, and at least of `atLeast`. */
export function worst(
  got: ReadonlyMap<string, Float32Array>,
  expected: ReadonlyMap<string, ArrayLike<number>>,
  atLeast = 0,
): number {
  expect([...got.keys()].sort()).toEqual([...expected.keys()].sort());
  let share = 0;
  for (const [name, numbers] of expected) {
    const found = got.get(name) as Float32Array;
    const scale = Math.max(atLeast, ...Array.from(numbers, Math.abs));
    for (let i = 0; i < numbers.length; i += 1) {
      const error = Math.abs((found[i] as number) - (numbers[i] as number));
      if (error > 0 || Number.isNaN(error)) share = Math.max(share, error / scale); // NaN stays
    }
  }
  return share;
}
