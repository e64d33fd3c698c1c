/**
 * The whole decoder over a text in one pass, differentiable: what training and the conformance suite run. Keys and
 * values are kept per position; hidden states exist only where they are needed (DESIGN §3.9): at the chosen positions
 * in pure models, everywhere below the last self layer in hybrids. For generation use a session instead.
 */

import type { Backend, Operations, RopeAngles } from '@inattention/core';
import { IndexTensor } from '@inattention/core';
import {
  consecutive,
  createIdWindow,
  type IdSequence,
  inattentionLayers,
  initialStates,
  type ModelConfig,
  projectKeysAndValues,
} from '@inattention/core/math';
import { decoderLayer, decoderLogits } from './decoder.ts';
import type { DecoderWeights } from './decoder-weights.ts';

export interface ForwardOptions {
  /** Rotary angles of the model; null unless it uses rope. */
  readonly angles: RopeAngles | null;
  /** ALiBi slopes of the model; null unless it uses ALiBi. */
  readonly slopes: readonly number[] | null;
}

/**
 * Logits [k, V] at `positions` (default: all) of `tokens` [N].
 *
 * `track` is given every index tensor that must live as long as the result's gradient is still wanted.
 */
export function forwardLogits<V>(
  operations: Operations<V>,
  backend: Backend,
  config: ModelConfig,
  weights: DecoderWeights<V>,
  tokens: Int32Array,
  options: ForwardOptions & { readonly positions?: Int32Array; readonly track: (owned: { dispose(): void }) => void },
): V {
  const upload = (values: Int32Array): IndexTensor => {
    const tensor = new IndexTensor(backend, values);
    options.track(tensor);
    return tensor;
  };
  const sequence: IdSequence = { length: tokens.length, at: (position) => tokens[position] as number };
  const everywhere = consecutive(0, tokens.length);
  const all = upload(everywhere);
  const chosen = options.positions === undefined ? all : upload(options.positions);
  const window = createIdWindow(backend, sequence, everywhere, config);
  options.track(window);

  const start = initialStates(operations, weights, window); // x, [N, D]
  const states = operations.rmsNorm(start, null, config.rmsNormEps); // x̂, [N, D]
  const own = new Set(inattentionLayers(config));
  const lastSelf = config.attentionTypes.reduce((last, _, layer) => (own.has(layer) ? last : layer), -1);
  const rotate = (input: V, positions: IndexTensor): V =>
    options.angles === null ? input : operations.rope(input, positions, options.angles);

  let rows = lastSelf === -1 ? chosen : all; // positions whose hidden states are computed
  let hidden = rows === all ? start : operations.embed(start, rows);
  weights.layers.forEach((layer, number) => {
    hidden = decoderLayer(operations, config, layer, hidden, (queries, inputs) => {
      const source = own.has(number) ? operations.multiply(states, layer.norm) : inputs; // g ⊙ x̂, or u
      const { keys, values } = projectKeysAndValues(operations, layer, source, config);
      return operations.attention(rotate(queries, rows), rotate(keys, all), values, {
        positions: rows,
        firstPosition: 0,
        scale: 1 / Math.sqrt(config.headDim),
        slopes: options.slopes,
      });
    });
    if (number === lastSelf && chosen !== all) {
      hidden = operations.embed(hidden, chosen);
      rows = chosen;
    }
  });
  return decoderLogits(operations, config, weights, hidden);
}
