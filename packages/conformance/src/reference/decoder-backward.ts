/**
 * The backward of the decoder: from the gradient of the logits to that of every parameter, layer by layer from the top.
 *
 * Context states collect gradient from every inattention layer, initial states from them and from h⁰ at the rows; the
 * embedding from initial states and, when tied, from the head. Nothing is detached.
 */

import type { ModelConfig } from '@inattention/core/math';
import { type DecoderForward, headName, layerOptions, readsHiddenStates } from './decoder.ts';
import { type LayerWeights, layerBackward } from './decoder-layer.ts';
import { add } from './elementwise.ts';
import { embedBackward, initialStateBackward } from './initial-state.ts';
import { linearBackward } from './linear.ts';
import { type NdArray, zeros } from './nd-array.ts';
import { layerParameterNames, layerWeights, type Parameters, parameter, parameterShapes } from './parameters.ts';
import { rmsNormBackward, rmsNormForward } from './rms-norm.ts';
import { scatterAddRows } from './rows.ts';

/** The gradient of every parameter, by name; `gradLogits` is [T, V] for the rows of `forward`. */
export function decoderBackward(
  config: ModelConfig,
  parameters: Parameters,
  tokens: readonly number[],
  forward: DecoderForward,
  gradLogits: NdArray,
): Parameters {
  const { rows, embedded, initial, states, hidden } = forward;
  const gradients = new Map<string, NdArray>();
  for (const [name, shape] of parameterShapes(config)) gradients.set(name, zeros(shape));
  const collect = (name: string, gradient: NdArray | null) => {
    if (gradient !== null) gradients.set(name, add(parameter(gradients, name), gradient));
  };

  const top = hidden[config.numHiddenLayers];
  const normWeight = parameter(parameters, 'model.norm.weight');
  const normed = rmsNormForward(top, normWeight, config.rmsNormEps).out;
  const head = linearBackward(normed, parameter(parameters, headName(config)), gradLogits);
  collect(headName(config), head.gradWeight);
  const norm = rmsNormBackward(top, normWeight, config.rmsNormEps, head.gradInput);
  collect('model.norm.weight', norm.gradWeight);

  let gradHidden = norm.gradInput; // [T, D]
  let gradStates = zeros(states.shape); // [N, D]
  for (let layer = config.numHiddenLayers - 1; layer >= 0; layer -= 1) {
    const context = readsHiddenStates(config, layer) ? null : states;
    const weights = layerWeights(parameters, layer);
    const back = layerBackward(hidden[layer], context, weights, layerOptions(config, rows), gradHidden);
    for (const [part, name] of Object.entries(layerParameterNames(layer))) {
      // Backward states the gradient of every bias and norm; those that are not there have no place to go.
      if (gradients.has(name)) collect(name, back.gradWeights[part as keyof LayerWeights] ?? null);
    }
    gradHidden = back.gradHidden;
    if (back.gradStates !== null) gradStates = add(gradStates, back.gradStates);
  }

  const throughStates = rmsNormBackward(initial, null, config.rmsNormEps, gradStates).gradInput; // [N, D]
  const gradInitial = scatterAddRows(throughStates, rows, gradHidden); // h⁰ is x at the rows
  const mixing = parameters.get('model.initial_state.weight') ?? null;
  const window = initialStateBackward(embedded, mixing, gradInitial);
  collect('model.initial_state.weight', window.gradMixing);
  const positions = parameters.get('model.embed_positions.weight') ?? null;
  const embedding = parameter(parameters, 'model.embed_tokens.weight');
  const embed = embedBackward(tokens, embedding, positions, window.gradEmbedded);
  collect('model.embed_tokens.weight', embed.gradEmbedding);
  collect('model.embed_positions.weight', embed.gradPositions);
  return gradients;
}
