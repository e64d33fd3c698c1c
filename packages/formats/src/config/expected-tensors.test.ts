import { InvalidConfigError, InvalidFileError, UnsupportedError } from '@inattention/core';
import { expect, it } from 'vitest';
import type { TensorEntry } from '../safetensors/header.ts';
import { checkTensors, expectedTensors } from './expected-tensors.ts';
import { parseConfig } from './parse-config.ts';

const config = (changes: object = {}) =>
  parseConfig({
    model_type: 'inattention',
    vocab_size: 11,
    hidden_size: 6,
    intermediate_size: 7,
    num_hidden_layers: 2,
    num_attention_heads: 4,
    num_key_value_heads: 2,
    head_dim: 2,
    max_position_embeddings: 13,
    tie_word_embeddings: true,
    ...changes,
  });

/** The entries of a file with these tensors. */
function entries(shapes: Iterable<readonly [string, readonly number[]]>, dtype = 'F32'): Map<string, TensorEntry> {
  return new Map([...shapes].map(([name, shape]) => [name, { name, dtype, shape, byteOffset: 0, byteLength: 0 }]));
}

it('names a Llama checkpoint’s tensors with its shapes', () => {
  const layer = (index: number): [string, number[]][] => [
    [`model.layers.${index}.input_layernorm.weight`, [6]],
    [`model.layers.${index}.self_attn.q_proj.weight`, [8, 6]],
    [`model.layers.${index}.self_attn.k_proj.weight`, [4, 6]],
    [`model.layers.${index}.self_attn.v_proj.weight`, [4, 6]],
    [`model.layers.${index}.self_attn.o_proj.weight`, [6, 8]],
    [`model.layers.${index}.post_attention_layernorm.weight`, [6]],
    [`model.layers.${index}.mlp.gate_proj.weight`, [7, 6]],
    [`model.layers.${index}.mlp.up_proj.weight`, [7, 6]],
    [`model.layers.${index}.mlp.down_proj.weight`, [6, 7]],
  ];
  const shapes = [...expectedTensors(config())];
  expect(shapes).toEqual([
    ['model.embed_tokens.weight', [11, 6]],
    ...layer(0),
    ...layer(1),
    ['model.norm.weight', [6]],
  ]);
});

it('adds the position table, the initial-state window and the head where the configuration has them', () => {
  const plain = new Set(expectedTensors(config()).keys());
  const added = (changes: object) => [...expectedTensors(config(changes))].filter(([name]) => !plain.has(name));
  expect(added({ position_embedding_type: 'learned' })).toEqual([['model.embed_positions.weight', [13, 6]]]);
  expect(added({ initial_state_window: 3 })).toEqual([['model.initial_state.weight', [2, 6, 6]]]);
  expect(added({ tie_word_embeddings: false })).toEqual([['lm_head.weight', [11, 6]]]);
});

it('accepts exactly these tensors, and a tied model’s redundant head', () => {
  const shapes = expectedTensors(config());
  for (const dtype of ['F32', 'F16', 'BF16'])
    expect(() => checkTensors(config(), entries(shapes, dtype))).not.toThrow();
  expect(() => checkTensors(config(), entries([...shapes, ['lm_head.weight', [11, 6]]]))).not.toThrow();
});

it('names what is missing, what is too much and what has another shape or dtype', () => {
  const shapes = [...expectedTensors(config())];
  const check = (list: Iterable<readonly [string, readonly number[]]>, dtype?: string) => () =>
    checkTensors(config(), entries(list, dtype));
  expect(check(shapes.slice(0, -1))).toThrow(InvalidFileError);
  expect(check(shapes.slice(0, -1))).toThrow(
    'The weights lack tensors that config.json calls for. Got: "model.norm.weight".',
  );
  expect(check([])).toThrow('and 15 more');
  expect(check([...shapes, ['extra', [1]]])).toThrow(InvalidFileError);
  expect(check([...shapes, ['extra', [1]]])).toThrow('config.json does not call for. Got: "extra".');
  const turned = shapes.map(([name, shape]): [string, readonly number[]] => [name, [...shape].reverse()]);
  expect(check(turned)).toThrow(InvalidConfigError);
  expect(check(turned)).toThrow('config.json contradicts the weights at tensor "model.embed_tokens.weight".');
  expect(check(shapes, 'I64')).toThrow(UnsupportedError);
});

it('does not take names of prototype members for tensors', () => {
  expect(() => checkTensors(config(), entries([['constructor', [1]]]))).toThrow('lack tensors');
});

it('asks for biases and norms where the configuration has them', () => {
  const plain = new Set(expectedTensors(config()).keys());
  const added = (changes: object) =>
    [...expectedTensors(config(changes))].filter(([name]) => !plain.has(name) && name.includes('layers.1.'));
  const attention = [
    ['model.layers.1.self_attn.q_proj.bias', [8]],
    ['model.layers.1.self_attn.k_proj.bias', [4]],
    ['model.layers.1.self_attn.v_proj.bias', [4]],
  ];
  expect(added({ attention_bias: 'qkv' })).toEqual(attention);
  expect(added({ attention_bias: true })).toEqual([...attention, ['model.layers.1.self_attn.o_proj.bias', [6]]]);
  expect(added({ mlp_bias: true })).toEqual([
    ['model.layers.1.mlp.gate_proj.bias', [7]],
    ['model.layers.1.mlp.up_proj.bias', [7]],
    ['model.layers.1.mlp.down_proj.bias', [6]],
  ]);
  expect(added({ use_qk_norm: true })).toEqual([
    ['model.layers.1.self_attn.q_norm.weight', [2]],
    ['model.layers.1.self_attn.k_norm.weight', [2]],
  ]);
  expect(() => checkTensors(config({ use_qk_norm: true }), entries(expectedTensors(config())))).toThrow(
    'q_norm.weight',
  );
});
