/**
 * config.json to ModelConfig and back (DESIGN §6): Llama's field names, plus position_embedding_type,
 * initial_state_window, attention_types and head_dim. What is not supported is refused by name.
 */

import type { AttentionType, ModelConfig, PositionEmbeddingType } from '@inattention/core/math';
import { ConfigReader, refuse } from './config-reader.ts';
import { expectedTensors } from './expected-tensors.ts';

const positionTypes: readonly PositionEmbeddingType[] = ['rope', 'alibi', 'learned', 'none'];
const attentionKinds: readonly AttentionType[] = ['inattention', 'self'];

/** Upper limits: far above any model in use. `parameters` keeps all counts of bytes exact. */
const limits = {
  vocabulary: 16_777_216,
  width: 1_048_576,
  layers: 4096,
  heads: 65_536,
  positions: 2_147_483_647,
  window: 4096,
  parameters: 2 ** 48,
};

/** Fields that change the mathematics of other models, each with the values at which it changes nothing. */
const neutralValues: Readonly<Record<string, readonly unknown[]>> = {
  attention_bias: [false],
  mlp_bias: [false],
  rope_scaling: [],
  rope_parameters: [],
  sliding_window: [],
  partial_rotary_factor: [1],
  attention_dropout: [0],
  attn_logit_softcapping: [],
  final_logit_softcapping: [],
  quantization_config: [],
  num_local_experts: [1],
  use_qk_norm: [false],
};

/** Checks a configuration. Throws InvalidConfigError naming the field. */
export function parseConfig(json: unknown): ModelConfig {
  const fields = new ConfigReader(json);
  checkSupported(fields);
  const hiddenSize = fields.count('hidden_size', 1, limits.width);
  const numAttentionHeads = fields.count('num_attention_heads', 1, limits.heads);
  const numKeyValueHeads = fields.count('num_key_value_heads', 1, limits.heads, numAttentionHeads);
  if (numAttentionHeads % numKeyValueHeads !== 0) {
    refuse('num_key_value_heads', numKeyValueHeads, `a divisor of num_attention_heads, ${numAttentionHeads}`);
  }
  if (fields.get('head_dim') === undefined && hiddenSize % numAttentionHeads !== 0) {
    refuse(
      'head_dim',
      undefined,
      `given, since hidden_size ${hiddenSize} is no multiple of ${numAttentionHeads} heads`,
    );
  }
  const headDim = fields.count('head_dim', 1, limits.width, hiddenSize / numAttentionHeads);
  const positionEmbeddingType = fields.word('position_embedding_type', positionTypes, 'rope');
  if (positionEmbeddingType === 'rope' && headDim % 2 !== 0) refuse('head_dim', headDim, 'an even number, with rope');
  const numHiddenLayers = fields.count('num_hidden_layers', 1, limits.layers);
  const vocabSize = fields.count('vocab_size', 1, limits.vocabulary);
  // Llama's default, but not for a table whose rows are in the file.
  const positionsIfMissing = positionEmbeddingType === 'learned' ? undefined : 2048;
  const bosTokenId = optionalId(fields, vocabSize);
  const config: ModelConfig = {
    modelType: 'inattention',
    vocabSize,
    hiddenSize,
    intermediateSize: fields.count('intermediate_size', 1, limits.width),
    numHiddenLayers,
    numAttentionHeads,
    numKeyValueHeads,
    headDim,
    maxPositionEmbeddings: fields.count('max_position_embeddings', 1, limits.positions, positionsIfMissing),
    rmsNormEps: fields.positive('rms_norm_eps', 1, 1e-6),
    ropeTheta: fields.positive('rope_theta', 1e12, 10_000),
    tieWordEmbeddings: fields.flag('tie_word_embeddings', false),
    initialStateWindow: fields.count('initial_state_window', 1, limits.window, 1),
    positionEmbeddingType,
    attentionTypes: attentionTypes(fields.get('attention_types'), numHiddenLayers),
    eosTokenIds: eosTokenIds(fields.get('eos_token_id'), vocabSize),
    ...(bosTokenId !== undefined && { bosTokenId }),
  };
  checkParameters(config);
  return config;
}

/** The config.json of a configuration: `parseConfig` gives the same configuration back. */
export function serializeConfig(config: ModelConfig): Record<string, unknown> {
  return {
    model_type: config.modelType,
    vocab_size: config.vocabSize,
    hidden_size: config.hiddenSize,
    intermediate_size: config.intermediateSize,
    num_hidden_layers: config.numHiddenLayers,
    num_attention_heads: config.numAttentionHeads,
    num_key_value_heads: config.numKeyValueHeads,
    head_dim: config.headDim,
    hidden_act: 'silu',
    max_position_embeddings: config.maxPositionEmbeddings,
    rms_norm_eps: config.rmsNormEps,
    rope_theta: config.ropeTheta,
    tie_word_embeddings: config.tieWordEmbeddings,
    initial_state_window: config.initialStateWindow,
    position_embedding_type: config.positionEmbeddingType,
    attention_types: config.attentionTypes,
    eos_token_id: config.eosTokenIds,
    ...(config.bosTokenId !== undefined && { bos_token_id: config.bosTokenId }),
  };
}

function checkSupported(fields: ConfigReader): void {
  const type = fields.get('model_type');
  if (type !== 'inattention') {
    refuse('model_type', type, '"inattention"', 'only models of this project can be opened by this version');
  }
  for (const [name, neutral] of Object.entries(neutralValues)) {
    const value = fields.get(name);
    if (value === undefined || neutral.includes(value)) continue;
    refuse(name, value, `${[...neutral, 'nothing'].join(' or ')}: this version does not support another`);
  }
  fields.word('hidden_act', ['silu'], 'silu');
}

/** Single fields may each be within their limits and the whole be absurd. */
function checkParameters(config: ModelConfig): void {
  let parameters = 0;
  for (const shape of expectedTensors(config).values()) {
    parameters += shape.reduce((size, dimension) => size * dimension, 1);
  }
  if (parameters > limits.parameters) {
    refuse('its sizes', `${parameters} parameters`, `at most ${limits.parameters} parameters`);
  }
}

function attentionTypes(value: unknown, layers: number): readonly AttentionType[] {
  const list = Array.isArray(value) ? value : Array<unknown>(layers).fill(value ?? 'inattention');
  const expected = `"inattention" or "self", or a list of ${layers} of them`;
  if (list.length !== layers) return refuse('attention_types', value, expected);
  return list.map(
    (kind) => attentionKinds.find((known) => known === kind) ?? refuse('attention_types', value, expected),
  );
}

function eosTokenIds(value: unknown, vocabSize: number): readonly number[] {
  if (value === undefined) return [];
  const list = Array.isArray(value) ? value : [value];
  if (list.length > 1024 || !list.every((id) => isId(id, vocabSize))) {
    return refuse('eos_token_id', value, `ids from 0 to ${vocabSize - 1}`);
  }
  return list;
}

function optionalId(fields: ConfigReader, vocabSize: number): number | undefined {
  const value = fields.get('bos_token_id');
  if (value === undefined) return undefined;
  return isId(value, vocabSize) ? value : refuse('bos_token_id', value, `an id from 0 to ${vocabSize - 1}`);
}

function isId(value: unknown, vocabSize: number): value is number {
  return Number.isInteger(value) && !Object.is(value, -0) && (value as number) >= 0 && (value as number) < vocabSize;
}
