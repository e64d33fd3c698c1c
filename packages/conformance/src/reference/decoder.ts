/**
 * The decoder (DESIGN §2): N tokens in, logits out, at T rows of our choice.
 *
 *     x = initial states, x̂ = norm(x)                        [N, D]
 *     h⁰ = x at the rows; one layer after another             [T, D]
 *     logits = W_U (norm.weight ⊙ norm(h))                    [T, V]   W_U = E when tied
 *
 * Inattention layers see other tokens through x̂ alone, so any rows will do; a self layer above layer 0 needs all
 * positions. A self layer 0 is computed as inattention: its hidden states are the initial states.
 */

import { InvalidArgumentError, TokenOutOfRangeError } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { alibiSlopes } from './alibi.ts';
import { type LayerOptions, layerForward } from './decoder-layer.ts';
import { embedForward, initialStateForward } from './initial-state.ts';
import { linearForward } from './linear.ts';
import type { NdArray } from './nd-array.ts';
import { layerWeights, type Parameters, parameter } from './parameters.ts';
import { rmsNormForward } from './rms-norm.ts';
import { turningOf } from './rope-scaling.ts';
import { gatherRows } from './rows.ts';

export interface DecoderForward {
  /** Positions of the rows, [T]. */
  readonly rows: readonly number[];
  /** e, [N, D] */
  readonly embedded: NdArray;
  /** x, [N, D] */
  readonly initial: NdArray;
  /** x̂, [N, D] */
  readonly states: NdArray;
  /** h before layer 0, after layer 0, …, after the last: L+1 arrays [T, D]. */
  readonly hidden: readonly NdArray[];
  /** [T, V] */
  readonly logits: NdArray;
}

/** Runs the decoder at `rows`, positions of the text; all of them, in order, if {@link needsAllRows}. */
export function decoderForward(
  config: ModelConfig,
  parameters: Parameters,
  tokens: readonly number[],
  rows: readonly number[],
): DecoderForward {
  checkTokens(config, tokens);
  const embedded = embedForward(
    tokens,
    parameter(parameters, 'model.embed_tokens.weight'),
    parameters.get('model.embed_positions.weight') ?? null,
  );
  const initial = initialStateForward(embedded, parameters.get('model.initial_state.weight') ?? null);
  const states = rmsNormForward(initial, null, config.rmsNormEps).out;
  const hidden = [gatherRows(initial, rows)];
  for (let layer = 0; layer < config.numHiddenLayers; layer += 1) {
    const context = readsHiddenStates(config, layer) ? null : states;
    hidden.push(layerForward(hidden[layer], context, layerWeights(parameters, layer), layerOptions(config, rows)));
  }
  const last = rmsNormForward(
    hidden[config.numHiddenLayers],
    parameter(parameters, 'model.norm.weight'),
    config.rmsNormEps,
  ).out;
  const logits = linearForward(last, parameter(parameters, headName(config)));
  return { rows, embedded, initial, states, hidden, logits };
}

/** Whether a layer takes keys and values from hidden states other than the initial ones. */
export function readsHiddenStates(config: ModelConfig, layer: number): boolean {
  return layer > 0 && config.attentionTypes[layer] === 'self';
}

/** Whether some layer needs hidden states at every position. */
export function needsAllRows(config: ModelConfig): boolean {
  return config.attentionTypes.some((_, layer) => readsHiddenStates(config, layer));
}

/** The name of W_U. */
export function headName(config: ModelConfig): string {
  return config.tieWordEmbeddings ? 'model.embed_tokens.weight' : 'lm_head.weight';
}

export function layerOptions(config: ModelConfig, rows: readonly number[]): LayerOptions {
  const { positionEmbeddingType, numAttentionHeads, headDim, rmsNormEps } = config;
  return {
    headDim,
    rmsNormEps,
    positions: rows,
    rope: positionEmbeddingType === 'rope' ? turningOf(config) : null,
    slopes: positionEmbeddingType === 'alibi' ? alibiSlopes(numAttentionHeads) : null,
  };
}

function checkTokens(config: ModelConfig, tokens: readonly number[]): void {
  for (const [position, token] of tokens.entries()) {
    if (!(Number.isInteger(token) && token >= 0 && token < config.vocabSize)) {
      throw new TokenOutOfRangeError({
        what: `Token ${position} is not an id of the vocabulary.`,
        got: String(token),
        expected: `an integer from 0 to ${config.vocabSize - 1}`,
      });
    }
  }
  if (config.positionEmbeddingType === 'learned' && tokens.length > config.maxPositionEmbeddings) {
    throw new InvalidArgumentError({
      what: 'More tokens than learned positions.',
      got: String(tokens.length),
      expected: `at most ${config.maxPositionEmbeddings}`,
    });
  }
}
