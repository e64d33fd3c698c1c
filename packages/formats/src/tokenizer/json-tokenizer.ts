/**
 * Tokenizers in Hugging Face's tokenizer.json format, through @huggingface/tokenizers (their own JavaScript
 * implementation; docs/decisions says why). The file is data from outside: whatever it makes that library throw becomes
 * InvalidFileError.
 */

import { InvalidFileError } from '@inattention/core';
import { isRecord, quote } from '../safetensors/header.ts';
import type { StreamDecoder, Tokenizer } from './tokenizer.ts';

const replacement = '\u{FFFD}';

/** Ids decoded again while streaming: more than any character or merge rule spans. */
const streamWindow = 64;

/** Makes a tokenizer of a parsed tokenizer.json. `fingerprint` identifies the file. Throws InvalidFileError. */
export async function loadTokenizer(json: unknown, fingerprint: string): Promise<Tokenizer> {
  if (!isRecord(json) || !isRecord(json.model)) {
    throw new InvalidFileError({
      what: 'tokenizer.json does not describe a tokenizer.',
      expected: 'an object with "model"',
    });
  }
  const { Tokenizer: HuggingFaceTokenizer } = await import('@huggingface/tokenizers');
  const tokenizer = guard('be read', () => new HuggingFaceTokenizer(json, {}));
  const vocabulary = guard('be read', () => tokenizer.get_vocab(true));
  const decode = (ids: number[]): string =>
    guard('decode', () => tokenizer.decode(ids, { skip_special_tokens: false, clean_up_tokenization_spaces: false }));
  const known = (id: number): boolean => tokenizer.id_to_token(id) !== undefined;
  const ids = [...vocabulary.values()];
  if (!ids.every((id) => Number.isInteger(id) && id >= 0)) {
    throw new InvalidFileError({ what: 'tokenizer.json holds ids that are no whole numbers.' });
  }
  const kind = typeof json.model.type === 'string' ? json.model.type : 'tokenizer';
  return {
    name: `${quote(kind).slice(1, -1)}, ${ids.length} tokens`,
    vocabSize: ids.reduce((most, id) => Math.max(most, id + 1), 0),
    eosTokenIds: endTokens(vocabulary),
    fingerprint,
    encode: (text) => Int32Array.from(guard('encode', () => tokenizer.encode(text, { add_special_tokens: false }).ids)),
    decode: (list) => decode([...list].filter(known)),
    streamDecoder: () => windowedDecoder(decode, known),
  };
}

/**
 * Streams by decoding a window again with each id. Text before an incomplete character at the end is given out; the
 * window moves on when nothing is pending.
 */
function windowedDecoder(decode: (ids: number[]) => string, known: (id: number) => boolean): StreamDecoder {
  let context: number[] = []; // ids given out already, kept because decoding can depend on what came before
  let pending: number[] = [];
  const difference = (): string => {
    const before = context.length === 0 ? '' : decode(context);
    const all = decode([...context, ...pending]);
    return all.startsWith(before) ? all.slice(before.length) : decode(pending);
  };
  const advance = (): void => {
    context = pending;
    pending = [];
  };
  return {
    push(id) {
      if (!known(id)) return '';
      pending.push(id);
      const text = difference();
      if (text.endsWith(replacement) && pending.length < streamWindow) return '';
      advance();
      return text;
    },
    flush() {
      if (pending.length === 0) return '';
      const text = difference();
      advance();
      return text;
    },
  };
}

/** Tokens that end a text by their usual names. */
function endTokens(vocabulary: ReadonlyMap<string, number>): number[] {
  const names = ['<|endoftext|>', '</s>', '<|im_end|>', '<|eot_id|>', '<eos>'];
  return names.flatMap((name) => {
    const id = vocabulary.get(name);
    return id === undefined ? [] : [id];
  });
}

function guard<T>(action: string, work: () => T): T {
  try {
    return work();
  } catch (cause) {
    throw new InvalidFileError({
      what: `The tokenizer cannot ${action}.`,
      got: cause instanceof Error ? cause.message : String(cause),
      fix: 'tokenizer.json is damaged or of a kind that is not supported',
      cause,
    });
  }
}
