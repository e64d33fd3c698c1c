/** Small random models, one per kind of position, window and layer, whose attention is peaked and whose logits differ. */

import type { Backend } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { type CreateOptions, createModel, type Model } from '@inattention/model';
import { randomNumbers } from '../inputs/random-numbers.ts';

/** D = 24, H = 4, G = 2, C = 6, F = 40, V = 97, three layers. */
const base: ModelConfig = {
  modelType: 'inattention',
  vocabSize: 97,
  hiddenSize: 24,
  intermediateSize: 40,
  numHiddenLayers: 3,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  headDim: 6,
  maxPositionEmbeddings: 1400,
  rmsNormEps: 1e-5,
  ropeTheta: 10_000,
  tieWordEmbeddings: true,
  initialStateWindow: 1,
  positionEmbeddingType: 'rope',
  attentionTypes: ['inattention', 'inattention', 'inattention'],
  eosTokenIds: [],
};

/** By name, for titles of tests. */
export const smallConfigs: Readonly<Record<string, ModelConfig>> = {
  'rope, w = 3': { ...base, initialStateWindow: 3 },
  'learned, w = 2': { ...base, initialStateWindow: 2, positionEmbeddingType: 'learned' },
  'alibi, w = 1': { ...base, positionEmbeddingType: 'alibi', tieWordEmbeddings: false },
  'none, w = 2': { ...base, positionEmbeddingType: 'none', initialStateWindow: 2 },
  'hybrid, rope, w = 3': { ...base, initialStateWindow: 3, attentionTypes: ['inattention', 'self', 'inattention'] },
  'rope, w = 1, norms': { ...base, queryKeyNorm: true, attentionBias: 'qkv', mlpBias: true },
  'hybrid, yarn, w = 3, norms': {
    ...base,
    initialStateWindow: 3,
    attentionTypes: ['inattention', 'self', 'inattention'],
    queryKeyNorm: true,
    attentionBias: 'qkvo',
    ropeScaling: {
      ...{ kind: 'yarn', factor: 4, originalLength: 300, betaFast: 32, betaSlow: 1 },
      ...{ attentionFactor: 1.1, truncate: true },
    },
  },
  'self, alibi': { ...base, positionEmbeddingType: 'alibi', attentionTypes: ['self', 'self', 'self'] },
};

/** What `randomWeights` makes their weights from. */
export const smallModelWeights = { seed: 8, deviation: 0.3, windowDeviation: 0.3, biasDeviation: 0.3 };

/** A model of a configuration on a backend; the caller disposes of it. */
export function smallModel(
  backend: Backend,
  config: ModelConfig,
  options: Pick<CreateOptions, 'weightDType' | 'tableBudget' | 'deviation'> = {},
): Model {
  return createModel(config, backend, { ...smallModelWeights, ...options });
}

/** Random ids below `bound`. */
export function randomIds(count: number, bound: number, seed: number): number[] {
  const random = randomNumbers(seed);
  return Array.from({ length: count }, () => random.integer(bound));
}
