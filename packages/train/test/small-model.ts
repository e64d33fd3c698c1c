/** A model small enough to be trained in a test. */

import type { ModelConfig } from '@inattention/core/math';
import { Random } from '@inattention/model';

/** V 61, D 24, L 2, H 4, G 2, C 6, F 40, w 3, tied, rope; parts may be given. */
export function smallConfig(parts: Partial<ModelConfig> = {}): ModelConfig {
  const config: ModelConfig = {
    modelType: 'inattention',
    vocabSize: 61,
    hiddenSize: 24,
    intermediateSize: 40,
    numHiddenLayers: 2,
    numAttentionHeads: 4,
    numKeyValueHeads: 2,
    headDim: 6,
    maxPositionEmbeddings: 64,
    rmsNormEps: 1e-5,
    ropeTheta: 10000,
    tieWordEmbeddings: true,
    initialStateWindow: 3,
    positionEmbeddingType: 'rope',
    attentionTypes: ['inattention', 'inattention'],
    eosTokenIds: [],
    ...parts,
  };
  return config;
}

/** Ids below `vocabSize`, the same for the same seed. */
export function seededTokens(seed: number, length: number, vocabSize = 61): Int32Array {
  const random = Random.seeded(seed);
  return Int32Array.from({ length }, () => Math.floor(random.uniform() * vocabSize));
}
