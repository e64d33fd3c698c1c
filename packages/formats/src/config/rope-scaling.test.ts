import { describe, expect, test } from 'vitest';
import { parseConfig, serializeConfig } from './parse-config.ts';

const good = {
  model_type: 'inattention',
  vocab_size: 61,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  max_position_embeddings: 4096,
};
const scalingOf = (changes: object) => parseConfig({ ...good, ...changes }).ropeScaling;
const llama3 = { factor: 8, low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 };

describe('rope_scaling', () => {
  test('is read under type, rope_type and in rope_parameters, and written so that it is read again', () => {
    const linear = { kind: 'linear', factor: 4 };
    expect(scalingOf({ rope_scaling: { type: 'linear', factor: 4 } })).toEqual(linear);
    expect(scalingOf({ rope_scaling: { rope_type: 'linear', factor: 4 } })).toEqual(linear);
    expect(scalingOf({ rope_scaling: { type: 'linear', rope_type: 'linear', factor: 4 } })).toEqual(linear);
    const recent = { rope_parameters: { rope_type: 'linear', factor: 4, rope_theta: 5e5 } };
    expect(parseConfig({ ...good, ...recent })).toMatchObject({ ropeTheta: 5e5, ropeScaling: linear });
    expect(parseConfig({ ...good, rope_theta: 5e5, ...recent }).ropeTheta).toBe(5e5);
    expect(parseConfig({ ...good, rope_parameters: { rope_theta: 500 } })).toEqual(
      parseConfig({ ...good, rope_theta: 500 }),
    );
    for (const scaling of [
      { type: 'linear', factor: 4 },
      { rope_type: 'llama3', ...llama3 },
      { type: 'yarn', factor: 4, truncate: false, mscale: 2, mscale_all_dim: 1, beta_fast: 16 },
      { type: 'yarn', factor: 4, original_max_position_embeddings: 1024, attention_factor: 1 },
    ]) {
      const config = parseConfig({ ...good, rope_scaling: scaling });
      expect(config.ropeScaling).toBeDefined();
      expect(parseConfig(JSON.parse(JSON.stringify(serializeConfig(config))))).toEqual(config);
    }
  });

  test.each([[{ rope_scaling: null }], [{ rope_scaling: { rope_type: 'default' } }], [{ rope_parameters: {} }]])(
    'is nothing in %j',
    (changes) => {
      expect(parseConfig({ ...good, ...changes })).toEqual(parseConfig(good));
    },
  );

  test('of yarn has the defaults of transformers', () => {
    const yarn = {
      kind: 'yarn',
      factor: 4,
      originalLength: 1024,
      betaFast: 32,
      betaSlow: 1,
      attentionFactor: 0.1 * Math.log(4) + 1,
      truncate: true,
    };
    const given = { type: 'yarn', factor: 4, original_max_position_embeddings: 1024, finetuned: true };
    expect(scalingOf({ rope_scaling: given })).toEqual(yarn);
    expect(scalingOf({ rope_scaling: { ...given, beta_fast: 0, mscale: 0, attention_factor: null } })).toEqual(yarn);
    // What the extension is to, over what it is from, when no factor is given.
    expect(scalingOf({ rope_scaling: { type: 'yarn', original_max_position_embeddings: 1024 } })).toEqual(yarn);
    expect(scalingOf({ rope_scaling: { type: 'yarn', factor: 4 } })).toEqual({ ...yarn, originalLength: 4096 });
    expect(scalingOf({ rope_scaling: { ...given, mscale: 2, mscale_all_dim: 1 } })).toMatchObject({
      attentionFactor: (0.2 * Math.log(4) + 1) / (0.1 * Math.log(4) + 1),
    });
    expect(scalingOf({ rope_scaling: { ...given, mscale: 2 } })).toEqual(yarn); // both or neither
  });

  test('of llama3 is read as published', () => {
    expect(scalingOf({ rope_scaling: { rope_type: 'llama3', ...llama3 } })).toEqual({
      kind: 'llama3',
      factor: 8,
      lowFrequencyFactor: 1,
      highFrequencyFactor: 4,
      originalLength: 8192,
    });
  });

  test.each([
    [{ type: 'dynamic', factor: 2 }, 'rope_scaling.type'],
    [{ rope_type: 'longrope', short_factor: [1], long_factor: [2] }, 'rope_scaling.rope_type'],
    [{ type: 'su' }, 'rope_scaling.type'],
    [{ type: 'mrope', mrope_section: [1, 2, 3] }, 'mrope'],
    [{ factor: 2 }, 'rope_scaling.rope_type'],
    [{ type: 'linear', rope_type: 'yarn', factor: 2 }, 'rope_scaling.rope_type'],
    [{ type: 'linear' }, 'rope_scaling.factor'],
    [{ type: 'linear', factor: 0.5 }, 'rope_scaling.factor'],
    [{ type: 'linear', factor: '2' }, 'rope_scaling.factor'],
    [{ type: 'linear', factor: 2, low_freq_factor: 1 }, 'rope_scaling.low_freq_factor'],
    [{ type: 'yarn' }, 'rope_scaling.factor'],
    [{ type: 'yarn', factor: 2, beta_fast: 1, beta_slow: 2 }, 'rope_scaling.beta_fast'],
    [{ type: 'yarn', factor: 2, attention_factor: -1 }, 'rope_scaling.attention_factor'],
    [{ type: 'yarn', factor: 2, truncate: 'no' }, 'rope_scaling.truncate'],
    [{ type: 'yarn', factor: 2, original_max_position_embeddings: 0 }, 'original_max_position_embeddings'],
    [{ type: 'yarn', factor: 2, llama_4_scaling_beta: 0.1 }, 'llama_4_scaling_beta'],
    [{ rope_type: 'llama3', ...llama3, high_freq_factor: 1 }, 'rope_scaling.high_freq_factor'],
    [{ rope_type: 'llama3', ...llama3, original_max_position_embeddings: undefined }, 'original_max_position'],
    [{ rope_type: 'default', partial_rotary_factor: 0.5 }, 'rope_scaling.partial_rotary_factor'],
    [{ full_attention: { rope_type: 'default' } }, 'rope_scaling'],
    ['yarn', 'rope_scaling'],
    [[], 'rope_scaling'],
  ])('is refused by name: %j', (scaling, name) => {
    expect(() => parseConfig({ ...good, rope_scaling: scaling })).toThrow(
      expect.objectContaining({ code: 'INVALID_CONFIG', message: expect.stringContaining(name) }),
    );
  });

  test.each([
    [{ rope_theta: 500, rope_parameters: { rope_theta: 600 } }, 'rope_theta'],
    [{ rope_scaling: { type: 'linear', factor: 2 }, rope_parameters: { rope_type: 'default' } }, 'rope_scaling'],
    [{ rope_parameters: { sliding_attention: { rope_theta: 1 } } }, 'rope_parameters.sliding_attention'],
    [{ position_embedding_type: 'alibi', rope_scaling: { type: 'linear', factor: 2 } }, 'rope_scaling'],
    [{ rope_theta: 1, rope_scaling: { type: 'yarn', factor: 2 } }, 'rope_theta'],
  ])('contradicts the rest: %j', (changes, name) => {
    expect(() => parseConfig({ ...good, ...changes })).toThrow(
      expect.objectContaining({ code: 'INVALID_CONFIG', message: expect.stringContaining(name) }),
    );
  });
});

describe('biases and norms', () => {
  test('are read and written', () => {
    for (const [value, attentionBias] of [
      [true, 'qkvo'],
      ['qkv', 'qkv'],
    ] as const) {
      const config = parseConfig({ ...good, attention_bias: value, mlp_bias: true, use_qk_norm: true });
      expect(config).toMatchObject({ attentionBias, mlpBias: true, queryKeyNorm: true });
      expect(serializeConfig(config)).toMatchObject({ attention_bias: value, mlp_bias: true, use_qk_norm: true });
      expect(parseConfig(serializeConfig(config))).toEqual(config);
    }
    const plain = parseConfig({ ...good, attention_bias: false, mlp_bias: false, use_qk_norm: null });
    expect(plain).toEqual(parseConfig(good));
    for (const name of ['attentionBias', 'mlpBias', 'queryKeyNorm', 'ropeScaling']) {
      expect(plain).not.toHaveProperty(name);
    }
  });
});
