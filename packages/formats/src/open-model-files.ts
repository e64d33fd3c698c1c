/** Opens a model's folder: configuration, weights and tokenizer, all checked before any weight is read. */

import { InvalidConfigError, InvalidFileError, throwIfAborted } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { checkTensors } from './config/expected-tensors.ts';
import { parseConfig, serializeConfig } from './config/parse-config.ts';
import { Fingerprint } from './fingerprint.ts';
import { parseJson } from './json/parse-json.ts';
import type { ReadOptions } from './safetensors/reader.ts';
import { openWeights, type WeightFiles } from './safetensors/weight-files.ts';
import { type ModelSource, readAll } from './sources/byte-source.ts';
import { createByteTokenizer } from './tokenizer/byte-tokenizer.ts';
import { loadTokenizer } from './tokenizer/json-tokenizer.ts';
import type { Tokenizer } from './tokenizer/tokenizer.ts';

const maxConfigBytes = 10_000_000;
const maxTokenizerBytes = 500_000_000;

export interface ModelFiles {
  readonly config: ModelConfig;
  readonly weights: WeightFiles;
  /** null when the folder has none that fits. */
  readonly tokenizer: Tokenizer | null;
  /**
   * Tells models apart in saved sessions: a hash of the configuration, the layout of the weights and the first bytes of a
   * few of them. Two models can share it by intent or by equal samples; it is no proof of identity.
   */
  readonly fingerprint: string;
}

/** Tensors that any training moves, and how much of each goes into the fingerprint. */
const sampledTensors = ['model.embed_tokens.weight', 'model.layers.0.self_attn.q_proj.weight', 'model.norm.weight'];
const sampleBytes = 4096;

/**
 * Opens everything a model's folder holds. Configuration, weights' headers, shapes and tokenizer are checked before any
 * weight is read. Throws InvalidFileError, InvalidConfigError, UnsupportedError or AbortedError.
 */
export async function openModelFiles(model: ModelSource, options: ReadOptions = {}): Promise<ModelFiles> {
  throwIfAborted(options.signal, `Opening ${model.name}`);
  const configFile = await model.open('config.json', options.signal);
  if (configFile === null) {
    throw new InvalidFileError({
      what: `${model.name} has no config.json.`,
      fix: 'give the folder that holds config.json and model.safetensors',
    });
  }
  const configBytes = await readAll(configFile, maxConfigBytes, options.signal);
  const config = parseConfig(parseJson(configBytes, { name: configFile.name, uniqueKeys: true }));
  const weights = await openWeights(model, options);
  checkTensors(config, weights.tensors);
  const tokenizer = await openTokenizer(model, config, options);
  return { config, weights, tokenizer, fingerprint: await fingerprintOf(config, weights, options) };
}

async function fingerprintOf(config: ModelConfig, weights: WeightFiles, options: ReadOptions): Promise<string> {
  const names = [...weights.tensors.keys()].sort();
  const layout = names.map((name) => [name, weights.tensors.get(name)?.dtype, weights.tensors.get(name)?.shape]);
  const samples = await Promise.all(
    sampledTensors.map((name) => weights.readBytes(name, { ...options, length: sampleBytes })),
  );
  const fingerprint = new Fingerprint().addText(JSON.stringify([serializeConfig(config), layout]));
  for (const sample of samples) fingerprint.add(sample);
  return fingerprint.toString();
}

/**
 * The folder's tokenizer.json if there is one. If there is none, and the vocabulary has exactly 256 ids, UTF-8 bytes; with
 * 257, bytes and an id that ends a text. Otherwise null. A tokenizer.json that cannot be used, or that has more tokens than
 * the model, throws: it never gives way to bytes.
 */
export async function openTokenizer(
  model: ModelSource,
  config: ModelConfig,
  options: ReadOptions = {},
): Promise<Tokenizer | null> {
  const file = await model.open('tokenizer.json', options.signal);
  if (file === null) {
    const isBytes = config.vocabSize === 256 || config.vocabSize === 257;
    return isBytes ? createByteTokenizer({ endOfText: config.vocabSize === 257 }) : null;
  }
  const bytes = await readAll(file, maxTokenizerBytes, options.signal);
  const tokenizer = await loadTokenizer(parseJson(bytes, { name: file.name }), new Fingerprint().add(bytes).toString());
  if (tokenizer.vocabSize > config.vocabSize) {
    throw new InvalidConfigError({
      what: 'tokenizer.json has more tokens than config.json.',
      got: `${tokenizer.vocabSize} tokens`,
      expected: `at most vocab_size, ${config.vocabSize}`,
      fix: 'use the tokenizer.json that belongs to the model',
    });
  }
  return tokenizer;
}
