/**
 * config.json to ModelConfig and back (DESIGN §6): Llama's field names, plus position_embedding_type,
 * initial_state_window, attention_types, head_dim and use_qk_norm (Qwen3's norms of queries and keys). attention_bias is
 * true (biases of q, k, v and o, as in Llama), "qkv" (Qwen2's) or false. What is not supported is refused by name.
 */

import type { AttentionBias, AttentionType, ModelConfig, PositionEmbeddingType } from '@inattention/core/math';
import { ConfigReader, refuse } from './config-reader.ts';
import { expectedTensors } from './expected-tensors.ts';
import { parseRope, serializeRopeScaling } from './rope-scaling.ts';

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
  sliding_window: [],
  use_sliding_window: [false],
  layer_types: [],
  partial_rotary_factor: [1],
  rope_interleaved: [false],
  no_rope_layers: [],
  attention_chunk_size: [],
  attention_dropout: [0],
  attn_logit_softcapping: [],
  final_logit_softcapping: [],
  quantization_config: [],
  logit_scale: [1],
  logits_scaling: [1],
  attention_multiplier: [],
  embedding_multiplier: [1],
  residual_multiplier: [1],
  query_pre_attn_scalar: [],
  clip_qkv: [],
  num_local_experts: [1],
  num_experts: [0, 1],
  n_routed_experts: [0],
  use_parallel_residual: [false],
  is_encoder_decoder: [false],
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
  const maxPositionEmbeddings = fields.count('max_position_embeddings', 1, limits.positions, positionsIfMissing);
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
    maxPositionEmbeddings,
    rmsNormEps: fields.positive('rms_norm_eps', 1, 1e-6),
    ...rope(fields, positionEmbeddingType, maxPositionEmbeddings),
    ...attentionBias(fields),
    ...(fields.flag('mlp_bias', false) && { mlpBias: true }),
    ...(fields.flag('use_qk_norm', false) && { queryKeyNorm: true }),
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
    ...(config.ropeScaling !== undefined && { rope_scaling: serializeRopeScaling(config.ropeScaling) }),
    ...(config.attentionBias !== undefined && {
      attention_bias: config.attentionBias === 'qkvo' ? true : config.attentionBias,
    }),
    ...(config.mlpBias && { mlp_bias: true }),
    ...(config.queryKeyNorm && { use_qk_norm: true }),
    tie_word_embeddings: config.tieWordEmbeddings,
    initial_state_window: config.initialStateWindow,
    position_embedding_type: config.positionEmbeddingType,
    attention_types: config.attentionTypes,
    eos_token_id: config.eosTokenIds,
    ...(config.bosTokenId !== undefined && { bos_token_id: config.bosTokenId }),
  };
}

/** Base and scaling of rotary positions; scaling says nothing where positions are of another kind, and is refused. */
function rope(fields: ConfigReader, type: PositionEmbeddingType, maxPositionEmbeddings: number) {
  const parsed = parseRope(fields, maxPositionEmbeddings);
  if (parsed.ropeScaling !== undefined && type !== 'rope') {
    refuse('rope_scaling', parsed.ropeScaling.kind, `nothing, with position_embedding_type "${type}"`);
  }
  return parsed;
}

function attentionBias(fields: ConfigReader): { readonly attentionBias?: AttentionBias } {
  const value = fields.get('attention_bias') ?? false;
  if (value === false) return {};
  if (value === true) return { attentionBias: 'qkvo' };
  if (value === 'qkv' || value === 'qkvo') return { attentionBias: value };
  return refuse('attention_bias', value, 'true (biases of q, k, v and o), "qkv" or false');
}

function checkSupported(fields: ConfigReader): void {
  const type = fields.get('model_type');
  if (type !== 'inattention') {
    refuse('model_type', type, '"inattention", or one of the Llama family: llama, mistral, qwen2, qwen3');
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
