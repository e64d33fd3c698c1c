/**
 * One step of AdamW (Loshchilov & Hutter, arXiv 1711.05101, algorithm 2), elementwise:
 *
 *     m ← β₁ m + (1 − β₁) g        v ← β₂ v + (1 − β₂) g²
 *     p ← p − lr ( m / (1 − β₁ᵗ) / (√(v / (1 − β₂ᵗ)) + ε) + λ p )
 */

import { expectShape, type NdArray, zeros } from './nd-array.ts';

export interface AdamWState {
  readonly parameter: NdArray;
  /** m; 0 before the first step. */
  readonly firstMoment: NdArray;
  /** v; 0 before the first step. */
  readonly secondMoment: NdArray;
}

export interface AdamWOptions {
  /** lr */
  readonly learningRate: number;
  /** β₁ */
  readonly beta1: number;
  /** β₂ */
  readonly beta2: number;
  /** ε */
  readonly epsilon: number;
  /** λ */
  readonly weightDecay: number;
  /** t, counted from 1. */
  readonly step: number;
}

/** The state after a step with `gradient`; the state given is left as it was. */
export function adamwStep(state: AdamWState, gradient: NdArray, options: AdamWOptions): AdamWState {
  const { learningRate, beta1, beta2, epsilon, weightDecay, step } = options;
  const { shape } = state.parameter;
  expectShape(gradient, shape, 'The gradient of a parameter');
  expectShape(state.firstMoment, shape, 'The first moment of a parameter');
  expectShape(state.secondMoment, shape, 'The second moment of a parameter');
  const parameter = zeros(shape);
  const firstMoment = zeros(shape);
  const secondMoment = zeros(shape);
  for (let i = 0; i < gradient.data.length; i += 1) {
    const g = gradient.data[i];
    const p = state.parameter.data[i];
    const m = beta1 * state.firstMoment.data[i] + (1 - beta1) * g;
    const v = beta2 * state.secondMoment.data[i] + (1 - beta2) * g * g;
    const update = m / (1 - beta1 ** step) / (Math.sqrt(v / (1 - beta2 ** step)) + epsilon);
    parameter.data[i] = p - learningRate * (update + weightDecay * p);
    firstMoment.data[i] = m;
    secondMoment.data[i] = v;
  }
  return { parameter, firstMoment, secondMoment };
}
