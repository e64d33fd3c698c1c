/** Model shapes: the sweep's own small one, and well-known ones for plans. Sizes are those published with the models. */

import type { AttentionType, ModelConfig, PositionEmbeddingType } from '@inattention/core/math';

/** A shape with everything that does not depend on the kind of attention. */
export interface Shape {
  readonly name: string;
  readonly vocabSize: number;
  readonly hiddenSize: number;
  readonly intermediateSize: number;
  readonly numHiddenLayers: number;
  readonly numAttentionHeads: number;
  readonly numKeyValueHeads: number;
  readonly headDim: number;
  readonly tieWordEmbeddings: boolean;
}

/** What `inattention bench` runs by default: seconds, not minutes, per length on two cores. */
export const smallShape: Shape = {
  name: 'small',
  vocabSize: 50257,
  hiddenSize: 256,
  intermediateSize: 704,
  numHiddenLayers: 6,
  numAttentionHeads: 4,
  numKeyValueHeads: 4,
  headDim: 64,
  tieWordEmbeddings: true,
};

/** Done in seconds on a phone or by a processor that plays GPU: to see how a sweep goes, not to conclude from. */
export const tinyShape: Shape = {
  name: 'tiny',
  vocabSize: 4096,
  hiddenSize: 64,
  intermediateSize: 176,
  numHiddenLayers: 2,
  numAttentionHeads: 2,
  numKeyValueHeads: 2,
  headDim: 32,
  tieWordEmbeddings: true,
};

/** GPT-2 124M with a gated MLP of 2048, which has the parameters of its plain one of 3072 (Radford et al. 2019). */
const gpt2: Shape = {
  name: 'gpt2-124m',
  vocabSize: 50257,
  hiddenSize: 768,
  intermediateSize: 2048,
  numHiddenLayers: 12,
  numAttentionHeads: 12,
  numKeyValueHeads: 12,
  headDim: 64,
  tieWordEmbeddings: true,
};

const smolLm2: Shape = {
  name: 'smollm2-135m',
  vocabSize: 49152,
  hiddenSize: 576,
  intermediateSize: 1536,
  numHiddenLayers: 30,
  numAttentionHeads: 9,
  numKeyValueHeads: 3,
  headDim: 64,
  tieWordEmbeddings: true,
};

const llama1b: Shape = {
  name: 'llama-3.2-1b',
  vocabSize: 128256,
  hiddenSize: 2048,
  intermediateSize: 8192,
  numHiddenLayers: 16,
  numAttentionHeads: 32,
  numKeyValueHeads: 8,
  headDim: 64,
  tieWordEmbeddings: true,
};

const gpt2Xl: Shape = {
  name: 'gpt2-xl',
  vocabSize: 50257,
  hiddenSize: 1600,
  intermediateSize: 4267,
  numHiddenLayers: 48,
  numAttentionHeads: 25,
  numKeyValueHeads: 25,
  headDim: 64,
  tieWordEmbeddings: true,
};

/** Shapes that can be swept by name. */
export const sweepShapes: readonly Shape[] = [tinyShape, smallShape, gpt2, smolLm2];

/** Shapes of the plan table: without and with grouped-query attention, which already shrinks a KV cache. */
export const planShapes: readonly Shape[] = [gpt2, gpt2Xl, smolLm2, llama1b];

/** How a shape is swept unless asked otherwise. */
export interface SweepDefaults {
  readonly lengths: readonly number[];
  /** The baseline is run up to this length. */
  readonly selfUpTo: number;
  readonly rounds: number;
  /** ms; see SweepOptions. */
  readonly roundTime: number;
}

/** Lengths and rounds for two cores: the small shape in two minutes, tiny in less, real ones in under 25. */
export function sweepDefaults(shape: Shape): SweepDefaults {
  const lengths = [1024, 4096, 16_384, 65_536];
  if (shape === tinyShape || shape === smallShape) return { lengths, selfUpTo: 4096, rounds: 3, roundTime: 6000 };
  return { lengths: [...lengths, 131_072], selfUpTo: 4096, rounds: 3, roundTime: 90_000 };
}

/** The configuration of a shape. `window` is w; 1 makes the plain transformer's parameters. Learned positions: 131,072. */
export function configOf(
  shape: Shape,
  attention: AttentionType,
  window: number,
  positions: PositionEmbeddingType = 'rope',
): ModelConfig {
  const { name: _, ...sizes } = shape;
  return {
    ...sizes,
    modelType: 'inattention',
    maxPositionEmbeddings: 131_072,
    rmsNormEps: 1e-5,
    ropeTheta: 10_000,
    initialStateWindow: window,
    positionEmbeddingType: positions,
    attentionTypes: Array<AttentionType>(shape.numHiddenLayers).fill(attention),
    eosTokenIds: [],
  };
}
