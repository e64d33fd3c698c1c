/**
 * The whole model: logits, loss and gradients in float64. What every backend and every context mode is measured by.
 *
 * Weights are the numbers of `model.safetensors` by name. In the functions with a loss, `tokens` holds one id more than
 * the model reads: position i reads tokens[0 … i] and predicts tokens[i + 1].
 */

import { InvalidArgumentError } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { crossEntropyBackward, crossEntropyForward } from './cross-entropy.ts';
import { type DecoderForward, decoderForward, needsAllRows } from './decoder.ts';
import { decoderBackward } from './decoder-backward.ts';
import { type NdArray, zeros } from './nd-array.ts';
import { type NamedNumbers, readParameters } from './parameters.ts';
import { gatherRows } from './rows.ts';

/** Everything the decoder computes on the way to logits [N, V], at all N positions: O(N²) per layer. */
export function referenceForward(
  config: ModelConfig,
  weights: NamedNumbers,
  tokens: readonly number[],
): DecoderForward {
  return decoderForward(config, readParameters(config, weights), tokens, allPositions(tokens.length));
}

/**
 * Logits [k, V] at k chosen positions of N tokens. Pure inattention models compute no hidden state elsewhere: O(k·N)
 * attention. Models with self layers go through all positions.
 */
export function referenceLogitsAt(
  config: ModelConfig,
  weights: NamedNumbers,
  tokens: readonly number[],
  positions: readonly number[],
): NdArray {
  checkPositions(positions, tokens.length);
  const { rows, picks } = chooseRows(config, tokens.length, positions);
  return gatherRows(decoderForward(config, readParameters(config, weights), tokens, rows).logits, picks);
}

export interface ReferenceLoss {
  /** Mean of `nll`, in nats. */
  readonly loss: number;
  /** −log p(next token) at each loss position, in the order given. */
  readonly nll: Float64Array;
  /** The gradient of `loss` for every parameter, by name, row-major. */
  readonly gradients: ReadonlyMap<string, Float64Array>;
}

/**
 * Mean loss over `lossPositions` (all positions when undefined) and its gradient for every parameter. `tokens` has N+1
 * ids for N positions. A position given twice counts twice.
 */
export function referenceLossAndGradients(
  config: ModelConfig,
  weights: NamedNumbers,
  tokens: readonly number[],
  lossPositions?: readonly number[],
): ReferenceLoss {
  const inputs = tokens.slice(0, -1);
  const positions = lossPositions ?? allPositions(inputs.length);
  checkPositions(positions, inputs.length);
  const { rows, picks } = chooseRows(config, inputs.length, positions);
  const parameters = readParameters(config, weights);
  const forward = decoderForward(config, parameters, inputs, rows);
  const targets = rows.map((row) => tokens[row + 1]);
  const { nll } = crossEntropyForward(forward.logits, targets);
  const gradNll = zeros([rows.length]);
  let loss = 0;
  for (const pick of picks) {
    loss += nll.data[pick] / picks.length;
    gradNll.data[pick] += 1 / picks.length;
  }
  const gradLogits = crossEntropyBackward(forward.logits, targets, gradNll);
  const gradients = new Map<string, Float64Array>();
  for (const [name, { data }] of decoderBackward(config, parameters, inputs, forward, gradLogits)) {
    gradients.set(name, data);
  }
  return { loss, nll: Float64Array.from(picks, (pick) => nll.data[pick]), gradients };
}

/** The rows to run the decoder at, and which of them each position is. */
function chooseRows(config: ModelConfig, count: number, positions: readonly number[]) {
  if (needsAllRows(config)) return { rows: allPositions(count), picks: positions };
  return { rows: positions, picks: positions.map((_, row) => row) };
}

function allPositions(count: number): number[] {
  return Array.from({ length: count }, (_, position) => position);
}

function checkPositions(positions: readonly number[], count: number): void {
  const within = (position: number) => Number.isInteger(position) && position >= 0 && position < count;
  if (positions.length === 0 || !positions.every(within)) {
    throw new InvalidArgumentError({
      what: 'Positions that the text does not have, or none.',
      got: `[${positions.join(', ')}]`,
      expected: `one or more integers from 0 to ${count - 1}`,
    });
  }
}
