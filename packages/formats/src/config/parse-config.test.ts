import { InAttentionError } from '@inattention/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { expectedTensors } from './expected-tensors.ts';
import { parseConfig, serializeConfig } from './parse-config.ts';

const good = {
  model_type: 'inattention',
  vocab_size: 61,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  head_dim: 8,
  max_position_embeddings: 64,
  rms_norm_eps: 1e-5,
  rope_theta: 10_000,
  tie_word_embeddings: true,
  initial_state_window: 3,
  position_embedding_type: 'rope',
  attention_types: ['inattention', 'self', 'inattention'],
  eos_token_id: [1, 2],
  bos_token_id: 0,
};

describe('parseConfig', () => {
  test('reads every field, and what it writes it reads again', () => {
    const config = parseConfig(good);
    expect(config).toMatchObject({
      vocabSize: 61,
      headDim: 8,
      initialStateWindow: 3,
      eosTokenIds: [1, 2],
      bosTokenId: 0,
    });
    expect(parseConfig(JSON.parse(JSON.stringify(serializeConfig(config))))).toEqual(config);
  });

  test('fills in what Llama’s files leave out', () => {
    const { model_type, vocab_size, hidden_size, intermediate_size, num_hidden_layers, num_attention_heads } = good;
    const required = { model_type, vocab_size, hidden_size, intermediate_size, num_hidden_layers, num_attention_heads };
    expect(parseConfig(required)).toMatchObject({
      numKeyValueHeads: 4,
      headDim: 8,
      maxPositionEmbeddings: 2048,
      rmsNormEps: 1e-6,
      ropeTheta: 10_000,
      tieWordEmbeddings: false,
      initialStateWindow: 1,
      positionEmbeddingType: 'rope',
      attentionTypes: ['inattention', 'inattention', 'inattention'],
      eosTokenIds: [],
    });
    for (const name of Object.keys(required)) {
      const { [name]: _, ...rest } = required as Record<string, unknown>;
      expect(() => parseConfig(rest)).toThrow(name);
    }
  });

  test.each([
    ['model_type', 'llama'],
    ['rope_scaling', { type: 'yarn' }],
    ['attention_bias', 'v'],
    ['use_qk_norm', 'rms'],
    ['hidden_act', 'gelu'],
    ['head_dim', 7],
    ['num_key_value_heads', 3],
    ['vocab_size', 0],
    ['hidden_size', 32.5],
    ['num_hidden_layers', 1e9],
    ['rms_norm_eps', 0],
    ['attention_types', ['self']],
    ['attention_types', 'cross'],
    ['position_embedding_type', 'sinusoidal'],
    ['eos_token_id', 61],
    ['tie_word_embeddings', 'yes'],
    ['mlp_bias', 1],
    ['layer_types', ['sliding_attention']],
    ['use_sliding_window', true],
    ['rope_interleaved', true],
    ['num_experts', 8],
    ['attention_multiplier', 0.125],
    ['sliding_window', 4096],
    ['partial_rotary_factor', 0.5],
    ['attention_dropout', 0.1],
    ['quantization_config', {}],
    ['final_logit_softcapping', 30],
    ['hidden_act', 'relu'],
    ['initial_state_window', 0],
    ['num_attention_heads', 0],
    ['num_key_value_heads', 8],
    ['rms_norm_eps', -1e-5],
    ['rope_theta', 0],
    ['vocab_size', 2 ** 40],
    ['vocab_size', '61'],
    ['bos_token_id', -1],
    ['eos_token_id', [1, 0.5]],
    ['eos_token_id', '1'],
    ['attention_types', ['inattention', 'self', 'self', 'self']],
    ['attention_types', {}],
  ])('refuses %s = %j by name', (name, value) => {
    expect(() => parseConfig({ ...good, [name]: value })).toThrow(
      expect.objectContaining({ code: 'INVALID_CONFIG', message: expect.stringContaining(name) }),
    );
  });

  test('takes fields of other models where they change nothing', () => {
    const neutral = {
      attention_bias: false,
      rope_scaling: null,
      attention_dropout: 0,
      hidden_act: 'silu',
      use_cache: true,
    };
    expect(parseConfig({ ...good, ...neutral })).toEqual(parseConfig(good));
    expect(parseConfig({ ...good, attention_types: 'self' }).attentionTypes).toEqual(['self', 'self', 'self']);
    expect(parseConfig({ ...good, eos_token_id: 5 }).eosTokenIds).toEqual([5]);
    expect(parseConfig({ ...good, head_dim: 7, position_embedding_type: 'alibi' }).headDim).toBe(7);
  });

  test('asks for the number of learned positions, and for head_dim where heads do not divide the width', () => {
    const { max_position_embeddings: _, ...open } = good;
    expect(() => parseConfig({ ...open, position_embedding_type: 'learned' })).toThrow(
      'max_position_embeddings is missing',
    );
    const { head_dim: __, ...undivided } = { ...good, hidden_size: 34 };
    expect(() => parseConfig(undivided)).toThrow('head_dim');
  });

  test('refuses sizes that are absurd only together', () => {
    const wide = {
      ...good,
      hidden_size: 2 ** 20,
      intermediate_size: 2 ** 20,
      num_hidden_layers: 4096,
      attention_types: 'self',
    };
    expect(() => parseConfig(wide)).toThrow('parameters');
  });

  test('gives a usable configuration or an error of this project, for 12,000 mutated files', () => {
    const others = ['__proto__', 'constructor', 'rope_scaling', 'rope_parameters', 'hidden_act', 'attention_bias'];
    const names = fc.constantFrom(...Object.keys(good), ...others, 'mlp_bias', 'use_qk_norm');
    const scaling = fc.record(
      {
        rope_type: fc.constantFrom('linear', 'yarn', 'llama3', 'default', 'dynamic', 'longrope'),
        type: fc.constantFrom('linear', 'yarn'),
        factor: fc.oneof(fc.double(), fc.integer({ min: -1, max: 40 })),
        original_max_position_embeddings: fc.integer({ min: -1, max: 9000 }),
        low_freq_factor: fc.constantFrom(1, 4, 0, 'x'),
        high_freq_factor: fc.constantFrom(4, 1, 1e300),
        beta_fast: fc.double(),
        mscale: fc.double(),
        mscale_all_dim: fc.constantFrom(0, 1, null),
      },
      { requiredKeys: [] },
    );
    const value = fc.oneof(
      fc.jsonValue({ maxDepth: 2 }),
      scaling,
      fc.boolean(),
      fc.integer({ min: -3, max: 100 }),
      fc.double(),
      fc.constantFrom(2 ** 31, 2 ** 53, 1e308, -0, '8', null, 'self', 'alibi', [], {}),
    );
    const changes = fc.array(fc.tuple(names, value, fc.boolean()), { minLength: 1, maxLength: 4 });
    let accepted = 0;
    fc.assert(
      fc.property(changes, (list) => {
        const fields = new Map<string, unknown>(Object.entries(good));
        for (const [name, changed, drop] of list) {
          if (drop) fields.delete(name);
          else fields.set(name, changed);
        }
        const json: unknown = JSON.parse(JSON.stringify(Object.fromEntries(fields)));
        try {
          const config = parseConfig(json);
          accepted += 1;
          expect(config.numAttentionHeads % config.numKeyValueHeads).toBe(0);
          expect(config.attentionTypes).toHaveLength(config.numHiddenLayers);
          for (const shape of expectedTensors(config).values()) {
            expect(shape.every((dimension) => Number.isSafeInteger(dimension) && dimension > 0)).toBe(true);
          }
          expect(parseConfig(JSON.parse(JSON.stringify(serializeConfig(config))))).toEqual(config);
        } catch (error) {
          expect(InAttentionError.isInstance(error, 'INVALID_CONFIG')).toBe(true);
        }
      }),
      { numRuns: 12_000 },
    );
    expect(accepted).toBeGreaterThan(100);
  }, 60_000);

  test.each([[null], [[]], ['text'], [7]])('refuses %j', (json) => {
    expect(() => parseConfig(json)).toThrow(expect.objectContaining({ code: 'INVALID_CONFIG' }));
  });
});
