/**
 * A GGUF file's metadata as the config.json that Hugging Face's files of the same model have, which parseConfig then
 * checks like any other. What changes the mathematics in ways this project does not have is refused by name.
 */

import { InvalidConfigError, UnsupportedError } from '@inattention/core';
import { describe, quote } from '../json/describe.ts';
import type { TensorEntry } from '../safetensors/header.ts';
import type { MetadataReader } from './metadata-reader.ts';

/** Architectures read, and their model_type in config.json. Mistral's models are written as `llama`. */
const modelTypes: ReadonlyMap<string, string> = new Map([
  ['llama', 'llama'],
  ['qwen2', 'qwen2'],
  ['qwen3', 'qwen3'],
]);

/** Keys, after the architecture, that change the mathematics, each with the values at which it changes nothing. */
const neutralValues: ReadonlyMap<string, readonly unknown[]> = new Map<string, readonly unknown[]>([
  ['expert_count', [0]],
  ['expert_used_count', [0]],
  ['use_parallel_residual', [false]],
  ['attention.causal', [true]],
  ['attention.clamp_kqv', [0]],
  ['attention.max_alibi_bias', [0]],
  ['attention.scale', [0]],
  ['attention.sliding_window', [0]],
  ['attention.layer_norm_epsilon', []],
  ['attention.kv_lora_rank', [0]],
  ['attention.q_lora_rank', [0]],
  ['attn_logit_softcapping', [0]],
  ['final_logit_softcapping', [0]],
  ['logit_scale', [0, 1]],
  ['embedding_scale', [0, 1]],
  ['residual_scale', [0, 1]],
  ['attention.temperature_length', [0]],
  ['rope.scale_linear', [0, 1]],
  ['rope.scaling.attn_factor', [0, 1]],
  ['rope.scaling.yarn_log_multiplier', [0]],
  ['pooling_type', [0]],
]);

/** True when W_Q and W_K have their rows interleaved within heads. */
export function hasInterleavedHeads(metadata: MetadataReader): boolean {
  return metadata.text('general.architecture') === 'llama';
}

/**
 * The config.json that the file stands for. `frequencyFactors` are the numbers of rope_freqs.weight, when it has them.
 * Throws UnsupportedError for architectures and variants that are not supported, InvalidConfigError for values that
 * cannot be.
 */
export function configJsonOfGguf(
  metadata: MetadataReader,
  tensors: ReadonlyMap<string, TensorEntry>,
  frequencyFactors: Float32Array | undefined,
): Record<string, unknown> {
  const architecture = metadata.text('general.architecture');
  const modelType = modelTypes.get(architecture);
  if (modelType === undefined) {
    throw new UnsupportedError({
      what: `${metadata.file} holds a model of an architecture that is not supported.`,
      got: quote(architecture),
      expected: [...modelTypes.keys()].join(', '),
    });
  }
  const key = (name: string) => `${architecture}.${name}`;
  checkNeutral(metadata, architecture);
  const hiddenSize = metadata.count(key('embedding_length'));
  const heads = metadata.count(key('attention.head_count'));
  const headDim = metadata.count(key('attention.key_length'), heads === 0 ? 0 : hiddenSize / heads);
  for (const name of ['attention.value_length', 'rope.dimension_count']) {
    if (metadata.count(key(name), headDim) !== headDim) metadata.refuse(key(name), `the size of heads, ${headDim}`);
  }
  const vocabSize = tensors.get('token_embd.weight')?.shape[0] ?? metadata.count(key('vocab_size'));
  const layers = metadata.count(key('block_count'));
  const [endOfText, endOfTurn] = ['eos_token_id', 'eot_token_id'].map((id) =>
    metadata.optionalCount(`tokenizer.ggml.${id}`),
  );
  const ends = [...new Set([endOfText, endOfTurn].filter((id) => id !== undefined))];
  const start = metadata.optionalCount('tokenizer.ggml.bos_token_id');
  const hasTensor = (name: string) => tensors.has(`blk.0.${name}`);
  return {
    model_type: modelType,
    vocab_size: vocabSize,
    hidden_size: hiddenSize,
    intermediate_size: metadata.count(key('feed_forward_length')),
    num_hidden_layers: layers,
    num_attention_heads: heads,
    num_key_value_heads: metadata.count(key('attention.head_count_kv'), heads),
    head_dim: headDim,
    hidden_act: 'silu',
    max_position_embeddings: metadata.count(key('context_length')),
    rms_norm_eps: tidy(metadata.number(key('attention.layer_norm_rms_epsilon'))),
    rope_theta: tidy(metadata.number(key('rope.freq_base'), 10_000)),
    tie_word_embeddings: !tensors.has('output.weight'),
    // Qwen2 has biases of queries, keys and values always; other files say by their tensors.
    ...(hasTensor('attn_q.bias') && { attention_bias: hasTensor('attn_output.bias') ? true : 'qkv' }),
    ...ropeScaling(metadata, key, frequencyFactors),
    ...(ends.length > 0 && { eos_token_id: ends.length === 1 ? ends[0] : ends }),
    ...(start !== undefined && { bos_token_id: start }),
  };
}

function checkNeutral(metadata: MetadataReader, architecture: string): void {
  for (const [name, neutral] of neutralValues) {
    const value = metadata.get(`${architecture}.${name}`);
    if (value === undefined || neutral.includes(value)) continue;
    throw new UnsupportedError({
      what: `${metadata.file}: ${quote(`${architecture}.${name}`)} is not supported.`,
      got: describe(value),
      expected: [...neutral, 'nothing'].join(' or '),
    });
  }
}

/** A float32 as the shortest decimal that is nearest to it: 0.00001 and not 0.0000099999997, as config.json has it. */
function tidy(value: number): number {
  for (let digits = 6; digits < 9; digits += 1) {
    const short = Number(value.toPrecision(digits));
    if (Math.fround(short) === value) return short;
  }
  return value;
}

function ropeScaling(
  metadata: MetadataReader,
  key: (name: string) => string,
  frequencyFactors: Float32Array | undefined,
): Record<string, unknown> {
  const type = metadata.text(key('rope.scaling.type'), 'none');
  if (frequencyFactors !== undefined) {
    if (type !== 'none') metadata.refuse(key('rope.scaling.type'), '"none" in a file that has rope_freqs.weight');
    const theta = metadata.number(key('rope.freq_base'), 10_000);
    return { rope_scaling: llama3Scaling(frequencyFactors, theta, metadata.file) };
  }
  const factor = metadata.number(key('rope.scaling.factor'), 0);
  if (type === 'none' || (type === 'linear' && (factor === 0 || factor === 1))) return {};
  const original = metadata.optionalCount(key('rope.scaling.original_context_length'));
  return {
    rope_scaling: {
      rope_type: type,
      ...(factor !== 0 && { factor: tidy(factor) }),
      ...(original !== undefined && { original_max_position_embeddings: original }),
    },
  };
}

/** Llama 3.1's published rule; only its factor differs between models. */
const llama3Rule = { low_freq_factor: 1, high_freq_factor: 4, original_max_position_embeddings: 8192 } as const;

/**
 * llama.cpp's converter writes Llama 3's rule as numbers to divide the frequencies by. The rule is read back from them and
 * must give the same numbers.
 */
function llama3Scaling(factors: Float32Array, theta: number, file: string): Record<string, unknown> {
  const factor = tidy(Math.max(...factors));
  const { low_freq_factor: low, high_freq_factor: high, original_max_position_embeddings: original } = llama3Rule;
  const fits = factors.every((got, pair) => {
    const wavelength = 2 * Math.PI * theta ** (pair / factors.length);
    const share = Math.min(1, Math.max(0, (original / wavelength - low) / (high - low)));
    return Math.abs(got - 1 / ((1 - share) / factor + share)) <= 1e-4 * got;
  });
  if (fits) return { rope_type: 'llama3', factor, ...llama3Rule };
  throw new InvalidConfigError({
    what: `${file}: rope_freqs.weight does not hold the factors of Llama 3's rule.`,
    got: describe([...factors]),
    expected: `wavelengths stretched above ${original / low}, kept below ${original / high}`,
    fix: 'rotary frequencies of another rule are not supported',
  });
}
