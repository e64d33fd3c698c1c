/**
 * A tokenizer.json as the tokenizer metadata of a GGUF file: byte-level BPE as `gpt2`, BPE made from SentencePiece as
 * `llama`. Ids that the tokenizer leaves out are written as unused.
 */

import { UnsupportedError } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { describe, isRecord } from '../json/describe.ts';
import { checkTokenizerFile } from '../tokenizer/tokenizer-file.ts';
import { preTokenizerName } from './pre-tokenizers.ts';
import type { WrittenValue } from './writer.ts';

const tokenKind = { normal: 1, unknown: 2, control: 3, userDefined: 4, unused: 5, byte: 6 } as const;

/**
 * The metadata of a parsed tokenizer.json; null: none, which llama.cpp runs on ids alone. Throws InvalidFileError,
 * UnsupportedError for a tokenizer that llama.cpp has no name for.
 */
export function tokenizerMetadata(
  tokenizerJson: unknown,
  tokenizerConfig: unknown,
  config: ModelConfig,
): Map<string, WrittenValue> {
  const text = (value: string): WrittenValue => ({ kind: 'string', value });
  if (tokenizerJson === null) return new Map([['tokenizer.ggml.model', text('no_vocab')]]);
  const { json, kind, tokens } = checkTokenizerFile(tokenizerJson);
  const model = isRecord(json.model) ? json.model : {};
  if (kind !== 'BPE') throw notWritten('its tokenizer is not BPE', kind);
  const last = [...tokens.keys()].reduce((most, id) => Math.max(most, id), -1);
  if (last >= config.vocabSize) throw notWritten('its tokenizer has more tokens than the model', `token ${last}`);
  const asPieces = model.byte_fallback === true;
  const merges = (Array.isArray(model.merges) ? model.merges : []).map(mergeText);
  const list = Array.from({ length: config.vocabSize }, (_, id) => tokens.get(id) ?? `[PAD${id}]`);
  const metadata = new Map<string, WrittenValue>([
    ['tokenizer.ggml.model', text(asPieces ? 'llama' : 'gpt2')],
    ['tokenizer.ggml.tokens', { kind: 'strings', value: list }],
    ['tokenizer.ggml.token_type', { kind: 'int32s', value: tokenKinds(json, tokens, list, asPieces) }],
    ['tokenizer.ggml.add_bos_token', { kind: 'bool', value: addsStart(tokenizerConfig, asPieces) }],
  ]);
  if (asPieces) {
    const prefixed = JSON.stringify(json.normalizer ?? null).includes('"Prepend"');
    metadata.set('tokenizer.ggml.pre', text('default'));
    metadata.set('tokenizer.ggml.add_space_prefix', { kind: 'bool', value: prefixed });
    metadata.set('tokenizer.ggml.scores', { kind: 'float32s', value: scoresOf(list, merges) });
  } else {
    const name = preTokenizerName(json.normalizer, json.pre_tokenizer);
    if (name === undefined)
      throw notWritten('llama.cpp has no name for its pre-tokenizer', describe(json.pre_tokenizer));
    metadata.set('tokenizer.ggml.pre', text(name));
    metadata.set('tokenizer.ggml.merges', {
      kind: 'strings',
      value: merges.map(([left, right]) => `${left} ${right}`),
    });
  }
  const unknown = typeof model.unk_token === 'string' ? list.indexOf(model.unk_token) : -1;
  const ids: readonly (readonly [string, number | undefined])[] = [
    ['bos_token_id', config.bosTokenId],
    ['eos_token_id', config.eosTokenIds[0]],
    ['eot_token_id', config.eosTokenIds[1]],
    ['unknown_token_id', unknown === -1 ? undefined : unknown],
  ];
  for (const [name, id] of ids)
    if (id !== undefined) metadata.set(`tokenizer.ggml.${name}`, { kind: 'uint32', value: id });
  return metadata;
}

function tokenKinds(
  json: Readonly<Record<string, unknown>>,
  tokens: ReadonlyMap<number, string>,
  list: readonly string[],
  asPieces: boolean,
): number[] {
  const kinds = list.map((token, id): number => {
    if (!tokens.has(id)) return tokenKind.unused;
    return asPieces && /^<0x[0-9A-F]{2}>$/.test(token) ? tokenKind.byte : tokenKind.normal;
  });
  for (const token of Array.isArray(json.added_tokens) ? json.added_tokens : []) {
    if (isRecord(token)) kinds[Number(token.id)] = token.special === true ? tokenKind.control : tokenKind.userDefined;
  }
  const unknown =
    isRecord(json.model) && typeof json.model.unk_token === 'string' ? list.indexOf(json.model.unk_token) : -1;
  if (unknown !== -1) kinds[unknown] = tokenKind.unknown;
  return kinds;
}

/** Scores that order pieces as the merges do: minus the place of the first merge that makes a piece. */
function scoresOf(list: readonly string[], merges: readonly (readonly [string, string])[]): number[] {
  const scores = new Map<string, number>();
  for (const [place, [left, right]] of merges.entries()) {
    const piece = left + right;
    if (!scores.has(piece)) scores.set(piece, -place);
  }
  return list.map((token) => scores.get(token) ?? -merges.length);
}

function addsStart(tokenizerConfig: unknown, fallback: boolean): boolean {
  const value = isRecord(tokenizerConfig) ? tokenizerConfig.add_bos_token : undefined;
  return typeof value === 'boolean' ? value : fallback;
}

/** A merge in either of the two forms that tokenizer.json has; `checkTokenizerFile` has checked it. */
function mergeText(merge: unknown): readonly [string, string] {
  const [left = '', right = ''] = Array.isArray(merge) ? (merge as string[]) : String(merge).split(' ');
  return [left, right];
}

function notWritten(what: string, got: string): UnsupportedError {
  return new UnsupportedError({
    what: `This model cannot be written as GGUF: ${what}.`,
    got,
    fix: 'write it in the format of this project, or leave tokenizer.json out of the folder',
  });
}
