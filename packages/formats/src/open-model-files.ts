/** Opens a model, a folder or a GGUF file: configuration, weights and tokenizer, all checked before any weight is read. */

import { InvalidConfigError, throwIfAborted } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { type ChatTemplate, chatTemplateOf } from './chat/chat-template.ts';
import { checkTensors } from './config/expected-tensors.ts';
import { parseConfig } from './config/parse-config.ts';
import { Fingerprint } from './fingerprint.ts';
import { isRecord } from './json/describe.ts';
import { parseJson } from './json/parse-json.ts';
import { modelFingerprint } from './model-fingerprint.ts';
import type { ReadOptions } from './safetensors/reader.ts';
import { openWeights, type WeightFiles } from './safetensors/weight-files.ts';
import { type ByteSource, type ModelSource, readAll } from './sources/byte-source.ts';
import { createByteTokenizer } from './tokenizer/byte-tokenizer.ts';
import type { Tokenizer } from './tokenizer/tokenizer.ts';

const maxConfigBytes = 10_000_000;
const maxTokenizerBytes = 500_000_000;

/** Files beside configuration and weights that belong to a model, and that a converted one keeps. */
const companionNames = [
  'tokenizer.json',
  'tokenizer_config.json',
  'special_tokens_map.json',
  'chat_template.jinja',
  'generation_config.json',
];

export interface ModelFiles {
  readonly config: ModelConfig;
  readonly weights: WeightFiles;
  /** null when the model has none that fits. */
  readonly tokenizer: Tokenizer | null;
  /** How conversations are written as text; null when the model does not say. */
  readonly chatTemplate: ChatTemplate | null;
  /** Tells models apart in saved sessions (`modelFingerprint`). */
  readonly fingerprint: string;
  /** tokenizer.json and the other small files of the model, by name, as they are or as a GGUF file's metadata gives them. */
  companions(options?: ReadOptions): Promise<ReadonlyMap<string, Uint8Array>>;
}

/**
 * Opens everything a model holds: a folder of this project or of a Llama-family model of Hugging Face's, a GGUF file, or a
 * folder with one GGUF model, in one file or several, and no config.json. Configuration, weights' headers, shapes and
 * tokenizer are checked before any weight is read. Throws InvalidFileError, InvalidConfigError, UnsupportedError or
 * AbortedError.
 */
export async function openModelFiles(model: ModelSource | ByteSource, options: ReadOptions = {}): Promise<ModelFiles> {
  throwIfAborted(options.signal, `Opening ${model.name}`);
  const config = 'read' in model ? null : await folderConfig(model, options);
  if (config === null || 'read' in model) return openGgufFiles(model, options);
  const weights = await openWeights(model, options);
  checkTensors(config, weights.tensors);
  const tokenizer = await openTokenizer(model, config, options);
  return {
    config,
    weights,
    tokenizer,
    chatTemplate: await openChatTemplate(model, options),
    fingerprint: await fingerprintOf(config, weights, options),
    companions: (reading = {}) => readCompanions(model, reading),
  };
}

/**
 * A model's configuration alone, of all that `openModelFiles` opens: its weights need not be there. Throws as that does.
 */
export async function openConfig(model: ModelSource | ByteSource, options: ReadOptions = {}): Promise<ModelConfig> {
  const config = 'read' in model ? null : await folderConfig(model, options);
  if (config !== null) return config;
  const { openGguf } = await import('./gguf/open.ts');
  return (await openGguf(model, options)).config;
}

/** The configuration of a folder's config.json; null when it has none. */
async function folderConfig(model: ModelSource, options: ReadOptions): Promise<ModelConfig | null> {
  const file = await model.open('config.json', options.signal);
  if (file === null) return null;
  const bytes = await readAll(file, maxConfigBytes, options.signal);
  const json = parseJson(bytes, { name: file.name, uniqueKeys: true });
  if (isRecord(json) && json.model_type === 'inattention') return parseConfig(json);
  // Loaded only for models of others.
  const { fromLlamaFamily, isLlamaFamily } = await import('./config/llama-family.ts');
  return parseConfig(isLlamaFamily(json) ? fromLlamaFamily(await withGenerationEnds(model, json, options)) : json);
}

async function openGgufFiles(model: ModelSource | ByteSource, options: ReadOptions): Promise<ModelFiles> {
  const { openGguf } = await import('./gguf/open.ts');
  const { config, weights, tokenizerJson, tokenizerConfig } = await openGguf(model, options);
  checkTensors(config, weights.tensors);
  const tokenizerBytes = tokenizerJson === null ? null : jsonBytes(tokenizerJson);
  const tokenizer =
    tokenizerBytes === null
      ? bytesTokenizer(config)
      : await tokenizerOf(tokenizerJson, new Fingerprint().add(tokenizerBytes).toString());
  checkVocabulary(tokenizer, config, 'the tokenizer of the GGUF file');
  return {
    config,
    weights,
    tokenizer,
    chatTemplate: chatTemplateOf(tokenizerConfig),
    fingerprint: await fingerprintOf(config, weights, options),
    companions: async () =>
      new Map([
        ...(tokenizerBytes === null ? [] : [['tokenizer.json', tokenizerBytes] as const]),
        ['tokenizer_config.json', jsonBytes(tokenizerConfig)] as const,
      ]),
  };
}

function fingerprintOf(config: ModelConfig, weights: WeightFiles, options: ReadOptions): Promise<string> {
  const { tensors } = weights;
  return modelFingerprint(config, {
    tensors,
    firstBytes: (name, length) => weights.readBytes(name, { ...options, length }),
  });
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
  if (file === null) return bytesTokenizer(config);
  const bytes = await readAll(file, maxTokenizerBytes, options.signal);
  const tokenizer = await tokenizerOf(parseJson(bytes, { name: file.name }), new Fingerprint().add(bytes).toString());
  checkVocabulary(tokenizer, config, 'tokenizer.json');
  return tokenizer;
}

/** Loaded only where a model has one: pages of models over bytes do without the library. */
async function tokenizerOf(json: unknown, fingerprint: string): Promise<Tokenizer> {
  const { loadTokenizer } = await import('./tokenizer/json-tokenizer.ts');
  return loadTokenizer(json, fingerprint);
}

function bytesTokenizer({ vocabSize }: ModelConfig): Tokenizer | null {
  return vocabSize === 256 || vocabSize === 257 ? createByteTokenizer({ endOfText: vocabSize === 257 }) : null;
}

function checkVocabulary(tokenizer: Tokenizer | null, config: ModelConfig, what: string): void {
  if (tokenizer === null || tokenizer.vocabSize <= config.vocabSize) return;
  throw new InvalidConfigError({
    what: `${what} has more tokens than the model.`,
    got: `${tokenizer.vocabSize} tokens`,
    expected: `at most vocab_size, ${config.vocabSize}`,
    fix: 'use the tokenizer that belongs to the model',
  });
}

async function openChatTemplate(model: ModelSource, options: ReadOptions): Promise<ChatTemplate | null> {
  const jinja = await model.open('chat_template.jinja', options.signal);
  const source =
    jinja === null ? undefined : new TextDecoder().decode(await readAll(jinja, maxConfigBytes, options.signal));
  return chatTemplateOf(await readOptional(model, 'tokenizer_config.json', options), source);
}

/** Instruction-tuned models often name the ids that end an answer only in generation_config.json. */
async function withGenerationEnds(
  model: ModelSource,
  json: Readonly<Record<string, unknown>>,
  options: ReadOptions,
): Promise<Readonly<Record<string, unknown>>> {
  const generation = await readOptional(model, 'generation_config.json', options);
  const more = isRecord(generation) ? generation.eos_token_id : undefined;
  if (more === undefined || more === null) return json;
  const ends = new Set([json.eos_token_id ?? [], more].flat());
  return { ...json, eos_token_id: [...ends] };
}

async function readOptional(model: ModelSource, name: string, { signal }: ReadOptions): Promise<unknown> {
  const file = await model.open(name, signal);
  return file === null ? undefined : parseJson(await readAll(file, maxConfigBytes, signal), { name: file.name });
}

async function readCompanions(model: ModelSource, { signal }: ReadOptions): Promise<ReadonlyMap<string, Uint8Array>> {
  const files = new Map<string, Uint8Array>();
  for (const name of companionNames) {
    const file = await model.open(name, signal);
    if (file !== null) files.set(name, await readAll(file, maxTokenizerBytes, signal));
  }
  return files;
}

function jsonBytes(value: unknown): Uint8Array {
  return new TextEncoder().encode(JSON.stringify(value));
}
