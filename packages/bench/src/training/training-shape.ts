/** The training step that is measured: a small model whose products are large enough to be bound by arithmetic. */

import type { ModelConfig } from '@inattention/core/math';
import { configOf, type Shape } from '../shapes.ts';

export const trainingShape: Shape = {
  name: '4 layers, D 128, 2,048 ids',
  vocabSize: 2048,
  hiddenSize: 128,
  intermediateSize: 352,
  numHiddenLayers: 4,
  numAttentionHeads: 4,
  numKeyValueHeads: 4,
  headDim: 32,
  tieWordEmbeddings: true,
};

/** Texts of a step, and positions of each. */
export const [trainingTexts, trainingLength] = [8, 128];

/** What every contestant is given, so that all do the same arithmetic. No clipping, a constant rate. */
export const optimizerSettings = {
  learningRate: 1e-3,
  beta1: 0.9,
  beta2: 0.95,
  epsilon: 1e-8,
  weightDecay: 0.1,
} as const;

/** A step to measure. */
export interface StepTask {
  readonly config: ModelConfig;
  /** Seed of the weights, which all contestants begin with. */
  readonly seed: number;
  /** T + 1 ids of each text: the first T are read, the last T foreseen. */
  readonly texts: readonly Int32Array[];
}

/** The task of a shape with an initial-state window of w. Ids are spread evenly: as many distinct ones as can be. */
export function stepTask(shape: Shape, window: number, texts: number, length: number): StepTask {
  const ids = (text: number) =>
    Int32Array.from({ length: length + 1 }, (_, place) => (place * 7919 + text * 104_729) % shape.vocabSize);
  return {
    config: configOf(shape, 'inattention', window),
    seed: 1,
    texts: Array.from({ length: texts }, (_, text) => ids(text)),
  };
}

/** How far apart M's weights are, so that the window takes part from the first step on. */
export const windowDeviation = 0.02;
