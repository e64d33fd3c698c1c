/** Opens a model's folder: configuration, weights and tokenizer, all checked before any weight is read. */

import { InvalidConfigError, InvalidFileError } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { checkTensors } from './config/expected-tensors.ts';
import { parseConfig } from './config/parse-config.ts';
import { Fingerprint } from './fingerprint.ts';
import type { ReadOptions } from './safetensors/reader.ts';
import { openWeights, type WeightFiles } from './safetensors/weight-files.ts';
import { type ModelSource, parseJson, readAll } from './sources/byte-source.ts';
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
  /** Identifies configuration and layout of the weights in saved sessions. */
  readonly fingerprint: string;
}

/** Throws InvalidFileError, InvalidConfigError or UnsupportedError. */
export async function openModelFiles(model: ModelSource, options: ReadOptions = {}): Promise<ModelFiles> {
  const configFile = await model.open('config.json', options.signal);
  if (configFile === null) {
    throw new InvalidFileError({
      what: `${model.name} has no config.json.`,
      fix: 'give the folder that holds config.json and model.safetensors',
    });
  }
  const configBytes = await readAll(configFile, maxConfigBytes, options.signal);
  const config = parseConfig(parseJson(configBytes, configFile.name));
  const weights = await openWeights(model, options);
  checkTensors(config, weights.tensors);
  const tokenizer = await openTokenizer(model, config, options);
  const fingerprint = new Fingerprint().add(configBytes).addText(JSON.stringify([...weights.tensors.values()]));
  return { config, weights, tokenizer, fingerprint: fingerprint.toString() };
}

/**
 * The folder's tokenizer.json if there is one; UTF-8 bytes if there is none and the vocabulary has exactly 256 ids;
 * null otherwise.
 */
export async function openTokenizer(
  model: ModelSource,
  config: ModelConfig,
  options: ReadOptions = {},
): Promise<Tokenizer | null> {
  const file = await model.open('tokenizer.json', options.signal);
  if (file === null) return config.vocabSize === 256 ? createByteTokenizer() : null;
  const bytes = await readAll(file, maxTokenizerBytes, options.signal);
  const tokenizer = await loadTokenizer(parseJson(bytes, file.name), new Fingerprint().add(bytes).toString());
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
