import { expect, it } from 'vitest';
import { fromLlamaFamily, isLlamaFamily } from './llama-family.ts';
import { parseConfig } from './parse-config.ts';

/** The fields that matter of config.json files as published. */
const published = {
  smollm2: {
    architectures: ['LlamaForCausalLM'],
    attention_bias: false,
    attention_dropout: 0.0,
    bos_token_id: 1,
    eos_token_id: 2,
    hidden_act: 'silu',
    hidden_size: 576,
    initializer_range: 0.041666666666666664,
    intermediate_size: 1536,
    is_llama_config: true,
    max_position_embeddings: 8192,
    mlp_bias: false,
    model_type: 'llama',
    num_attention_heads: 9,
    num_hidden_layers: 30,
    num_key_value_heads: 3,
    pad_token_id: 2,
    pretraining_tp: 1,
    rms_norm_eps: 1e-5,
    rope_interleaved: false,
    rope_scaling: null,
    rope_theta: 100000,
    tie_word_embeddings: true,
    torch_dtype: 'bfloat16',
    use_cache: true,
    vocab_size: 49152,
  },
  llama32: {
    model_type: 'llama',
    hidden_size: 2048,
    intermediate_size: 8192,
    num_hidden_layers: 16,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    head_dim: 64,
    max_position_embeddings: 131072,
    rms_norm_eps: 1e-5,
    rope_theta: 500000,
    rope_scaling: {
      factor: 32.0,
      high_freq_factor: 4.0,
      low_freq_factor: 1.0,
      original_max_position_embeddings: 8192,
      rope_type: 'llama3',
    },
    tie_word_embeddings: true,
    vocab_size: 128256,
    eos_token_id: [128001, 128008, 128009],
    bos_token_id: 128000,
  },
  mistral03: {
    model_type: 'mistral',
    hidden_size: 4096,
    intermediate_size: 14336,
    num_hidden_layers: 32,
    num_attention_heads: 32,
    num_key_value_heads: 8,
    max_position_embeddings: 32768,
    rms_norm_eps: 1e-5,
    rope_theta: 1000000,
    sliding_window: null,
    vocab_size: 32768,
    eos_token_id: 2,
  },
  qwen25: {
    model_type: 'qwen2',
    hidden_size: 896,
    intermediate_size: 4864,
    num_hidden_layers: 24,
    num_attention_heads: 14,
    num_key_value_heads: 2,
    max_position_embeddings: 32768,
    max_window_layers: 21,
    rms_norm_eps: 1e-6,
    rope_theta: 1000000,
    sliding_window: 32768,
    use_sliding_window: false,
    tie_word_embeddings: true,
    vocab_size: 151936,
    eos_token_id: 151645,
  },
  qwen3: {
    model_type: 'qwen3',
    attention_bias: false,
    hidden_size: 1024,
    intermediate_size: 3072,
    num_hidden_layers: 28,
    num_attention_heads: 16,
    num_key_value_heads: 8,
    head_dim: 128,
    max_position_embeddings: 40960,
    max_window_layers: 28,
    rms_norm_eps: 1e-6,
    rope_theta: 1000000,
    sliding_window: null,
    use_sliding_window: false,
    tie_word_embeddings: true,
    vocab_size: 151936,
    eos_token_id: 151645,
  },
};
const read = (json: object) => parseConfig(fromLlamaFamily(json as Record<string, unknown>));

it('reads published configurations; every layer is self', () => {
  expect(read(published.smollm2)).toMatchObject({ headDim: 64, numKeyValueHeads: 3, ropeTheta: 1e5, eosTokenIds: [2] });
  expect(read(published.llama32)).toMatchObject({
    ropeScaling: { kind: 'llama3', factor: 32 },
    tieWordEmbeddings: true,
  });
  expect(read(published.mistral03)).toMatchObject({ headDim: 128, ropeTheta: 1e6, tieWordEmbeddings: false });
  expect(read(published.qwen25)).toMatchObject({ attentionBias: 'qkv', headDim: 64 });
  expect(read(published.qwen3)).toMatchObject({ queryKeyNorm: true, headDim: 128 });
  for (const json of Object.values(published)) {
    const config = read(json);
    expect(isLlamaFamily(json)).toBe(true);
    expect(new Set(config.attentionTypes)).toEqual(new Set(['self']));
    expect(config.initialStateWindow).toBe(1);
    expect(config.attentionTypes).toHaveLength(json.num_hidden_layers);
  }
  for (const json of [published.smollm2, published.llama32, published.mistral03, published.qwen3]) {
    expect(read(json)).not.toHaveProperty('attentionBias');
  }
  expect(read({ ...published.smollm2, attention_bias: true, mlp_bias: true })).toMatchObject({
    attentionBias: 'qkvo',
    mlpBias: true,
  });
});

it('reads what transformers 5 writes: rope_parameters, layer_types, dtype', () => {
  const { rope_theta, rope_scaling, torch_dtype, ...rest } = published.llama32 as Record<string, unknown>;
  const recent = {
    ...rest,
    dtype: 'bfloat16',
    rope_parameters: { rope_theta, ...(rope_scaling as object) },
    layer_types: Array(16).fill('full_attention'),
  };
  expect(read(recent)).toEqual(read(published.llama32));
});

it('fills in what a family means where its file says nothing', () => {
  const { num_key_value_heads: _, sliding_window: __, ...mistral } = published.mistral03;
  expect(() => read(mistral)).toThrow('sliding_window'); // 4096 when not given
  expect(read({ ...mistral, sliding_window: null }).numKeyValueHeads).toBe(8);
  const { head_dim: ___, ...qwen3 } = published.qwen3;
  expect(read(qwen3).headDim).toBe(128);
});

it.each([
  ['mistral03', { sliding_window: 4096 }, 'sliding_window'],
  ['qwen25', { use_sliding_window: true, sliding_window: 4096 }, 'sliding_window'],
  ['qwen3', { layer_types: ['sliding_attention'] }, 'layer_types'],
  ['llama32', { rope_scaling: { rope_type: 'dynamic', factor: 2 } }, 'rope_scaling'],
  ['llama32', { hidden_act: 'gelu' }, 'hidden_act'],
  ['llama32', { quantization_config: { bits: 4 } }, 'quantization_config'],
  ['qwen3', { num_experts: 8 }, 'num_experts'],
  ['smollm2', { hidden_size: '576' }, 'hidden_size'],
  ['smollm2', { num_attention_heads: null }, 'num_attention_heads'],
] as const)('refuses by name: %s with %j', (name, changes, field) => {
  expect(() => read({ ...published[name], ...changes })).toThrow(
    expect.objectContaining({ code: 'INVALID_CONFIG', message: expect.stringContaining(field) }),
  );
});

it('takes other types for none of its own', () => {
  for (const type of ['gemma2', 'phi3', '__proto__', 'toString', undefined]) {
    expect(isLlamaFamily({ model_type: type })).toBe(false);
  }
  expect(isLlamaFamily(null)).toBe(false);
});
