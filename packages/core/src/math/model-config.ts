/**
 * What a decoder is: the sizes and kinds that fix its shapes and its mathematics.
 *
 * Types only. `parseConfig` of @inattention/formats makes one from a `config.json` and checks it; code that takes a
 * ModelConfig relies on the ranges stated here. Weights, dtypes and context modes are not part of it.
 */

import type { RopeScaling } from './rope-frequencies.ts';

/** How a position enters attention: rotated queries and keys, a distance penalty, an added embedding, or not at all. */
export type PositionEmbeddingType = 'rope' | 'alibi' | 'learned' | 'none';

/**
 * Where a layer's keys and values come from: initial states ("inattention") or hidden states ("self", the baseline).
 * Both are the same in layer 0.
 */
export type AttentionType = 'inattention' | 'self';

/** Which projections of attention add biases: those of queries, keys and values (Qwen2), or the output too (Llama). */
export type AttentionBias = 'qkv' | 'qkvo';

/** The configuration of a decoder. Counts are positive safe integers unless said otherwise. */
export interface ModelConfig {
  readonly modelType: 'inattention';
  /** V: ids run from 0 to V - 1. */
  readonly vocabSize: number;
  /** D */
  readonly hiddenSize: number;
  /** F: width of the gated MLP. */
  readonly intermediateSize: number;
  /** L */
  readonly numHiddenLayers: number;
  /** H: a multiple of G. */
  readonly numAttentionHeads: number;
  /** G: each key/value head serves H / G query heads. */
  readonly numKeyValueHeads: number;
  /** C: even when positions are rotary. H·C need not be D. */
  readonly headDim: number;
  /** Rows of the position table when positions are learned; otherwise the length the model was trained for. */
  readonly maxPositionEmbeddings: number;
  /** ε of every norm, above 0. */
  readonly rmsNormEps: number;
  /** Base of the rotary frequencies, above 0. */
  readonly ropeTheta: number;
  /** How the rotary frequencies are changed for longer texts; absent: not at all. */
  readonly ropeScaling?: RopeScaling;
  /** Absent: none. */
  readonly attentionBias?: AttentionBias;
  /** True when the projections of the MLP add biases; absent: they do not. */
  readonly mlpBias?: boolean;
  /** True when each head's queries and keys are RMS-normalised with a gain before rotation (Qwen3); absent: they are not. */
  readonly queryKeyNorm?: boolean;
  /** True when the output projection is the embedding table. */
  readonly tieWordEmbeddings: boolean;
  /** w: an initial state sees its own token and the w - 1 before it. 1 means its own alone. */
  readonly initialStateWindow: number;
  readonly positionEmbeddingType: PositionEmbeddingType;
  /** One per layer. */
  readonly attentionTypes: readonly AttentionType[];
  /** Ids that end a text; empty when there is none. */
  readonly eosTokenIds: readonly number[];
  /** The id that starts a text, when there is one. */
  readonly bosTokenId?: number;
}
