/**
 * The parameters of a decoder by the tensor names of the files (DESIGN §6): their shapes, and reading them to float64.
 */

import { InvalidArgumentError } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import type { LayerWeights } from './decoder-layer.ts';
import { type NdArray, ndArray } from './nd-array.ts';

/** A decoder's numbers by name, row-major; shapes follow from the configuration. */
export type NamedNumbers = ReadonlyMap<string, Float64Array | Float32Array>;

/** A decoder's parameters by name. */
export type Parameters = ReadonlyMap<string, NdArray>;

/** Name and shape of every parameter, in the order of the files. */
export function parameterShapes(config: ModelConfig): ReadonlyMap<string, readonly number[]> {
  const { vocabSize, hiddenSize, intermediateSize, initialStateWindow } = config;
  const queryWidth = config.numAttentionHeads * config.headDim; // H·C
  const keyWidth = config.numKeyValueHeads * config.headDim; // G·C
  const shapes = new Map<string, readonly number[]>([['model.embed_tokens.weight', [vocabSize, hiddenSize]]]);
  if (config.positionEmbeddingType === 'learned') {
    shapes.set('model.embed_positions.weight', [config.maxPositionEmbeddings, hiddenSize]);
  }
  if (initialStateWindow > 1) {
    shapes.set('model.initial_state.weight', [initialStateWindow - 1, hiddenSize, hiddenSize]);
  }
  for (let layer = 0; layer < config.numHiddenLayers; layer += 1) {
    const names = layerParameterNames(layer);
    shapes.set(names.norm, [hiddenSize]);
    shapes.set(names.query, [queryWidth, hiddenSize]);
    shapes.set(names.key, [keyWidth, hiddenSize]);
    shapes.set(names.value, [keyWidth, hiddenSize]);
    shapes.set(names.output, [hiddenSize, queryWidth]);
    shapes.set(names.mlpNorm, [hiddenSize]);
    shapes.set(names.gate, [intermediateSize, hiddenSize]);
    shapes.set(names.up, [intermediateSize, hiddenSize]);
    shapes.set(names.down, [hiddenSize, intermediateSize]);
    if (config.attentionBias !== undefined) {
      shapes.set(names.queryBias, [queryWidth]);
      shapes.set(names.keyBias, [keyWidth]);
      shapes.set(names.valueBias, [keyWidth]);
      if (config.attentionBias === 'qkvo') shapes.set(names.outputBias, [hiddenSize]);
    }
    if (config.queryKeyNorm) {
      shapes.set(names.queryNorm, [config.headDim]);
      shapes.set(names.keyNorm, [config.headDim]);
    }
    if (config.mlpBias) {
      shapes.set(names.gateBias, [intermediateSize]);
      shapes.set(names.upBias, [intermediateSize]);
      shapes.set(names.downBias, [hiddenSize]);
    }
  }
  shapes.set('model.norm.weight', [hiddenSize]);
  if (!config.tieWordEmbeddings) shapes.set('lm_head.weight', [vocabSize, hiddenSize]);
  return shapes;
}

/** The names of a layer's parameters in the files. */
export function layerParameterNames(layer: number): Readonly<Record<keyof LayerWeights, string>> {
  const prefix = `model.layers.${layer}`;
  return {
    norm: `${prefix}.input_layernorm.weight`,
    query: `${prefix}.self_attn.q_proj.weight`,
    key: `${prefix}.self_attn.k_proj.weight`,
    value: `${prefix}.self_attn.v_proj.weight`,
    output: `${prefix}.self_attn.o_proj.weight`,
    mlpNorm: `${prefix}.post_attention_layernorm.weight`,
    gate: `${prefix}.mlp.gate_proj.weight`,
    up: `${prefix}.mlp.up_proj.weight`,
    down: `${prefix}.mlp.down_proj.weight`,
    queryBias: `${prefix}.self_attn.q_proj.bias`,
    keyBias: `${prefix}.self_attn.k_proj.bias`,
    valueBias: `${prefix}.self_attn.v_proj.bias`,
    outputBias: `${prefix}.self_attn.o_proj.bias`,
    queryNorm: `${prefix}.self_attn.q_norm.weight`,
    keyNorm: `${prefix}.self_attn.k_norm.weight`,
    gateBias: `${prefix}.mlp.gate_proj.bias`,
    upBias: `${prefix}.mlp.up_proj.bias`,
    downBias: `${prefix}.mlp.down_proj.bias`,
  };
}

/**
 * All parameters of `config`, in float64. Throws InvalidArgumentError when one is missing or one is not of this
 * configuration, ShapeError when one has another number of elements.
 */
export function readParameters(config: ModelConfig, weights: NamedNumbers): Parameters {
  const shapes = parameterShapes(config);
  const surplus = [...weights.keys()].filter((name) => !shapes.has(name));
  if (surplus.length > 0) {
    throw new InvalidArgumentError({ what: 'Weights that this configuration does not have.', got: surplus.join(', ') });
  }
  const parameters = new Map<string, NdArray>();
  for (const [name, shape] of shapes) {
    const data = weights.get(name);
    if (data === undefined) throw new InvalidArgumentError({ what: `The weights lack ${name}.` });
    parameters.set(name, ndArray(shape, data));
  }
  return parameters;
}

/** The parameter of that name. */
export function parameter(parameters: Parameters, name: string): NdArray {
  const array = parameters.get(name);
  if (array === undefined) throw new InvalidArgumentError({ what: `There is no parameter ${name}.` });
  return array;
}

/** The parameters of one layer. */
export function layerWeights(parameters: Parameters, layer: number): LayerWeights {
  const names = layerParameterNames(layer);
  return {
    norm: parameter(parameters, names.norm),
    query: parameter(parameters, names.query),
    key: parameter(parameters, names.key),
    value: parameter(parameters, names.value),
    output: parameter(parameters, names.output),
    mlpNorm: parameter(parameters, names.mlpNorm),
    gate: parameter(parameters, names.gate),
    up: parameter(parameters, names.up),
    down: parameter(parameters, names.down),
    queryBias: parameters.get(names.queryBias),
    keyBias: parameters.get(names.keyBias),
    valueBias: parameters.get(names.valueBias),
    outputBias: parameters.get(names.outputBias),
    queryNorm: parameters.get(names.queryNorm),
    keyNorm: parameters.get(names.keyNorm),
    gateBias: parameters.get(names.gateBias),
    upBias: parameters.get(names.upBias),
    downBias: parameters.get(names.downBias),
  };
}
