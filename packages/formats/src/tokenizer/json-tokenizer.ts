/**
 * Tokenizers in Hugging Face's tokenizer.json format, through @huggingface/tokenizers (their own JavaScript
 * implementation). The file is data from outside: whatever it makes that library throw becomes InvalidFileError.
 */

import { InvalidArgumentError, InvalidFileError } from '@inattention/core';
import { Fingerprint } from '../fingerprint.ts';
import { describe, isRecord } from '../json/describe.ts';
import { byteLevelPiece } from './byte-level.ts';
import { byteStreamDecoder, decodeAll, type TokenPiece } from './byte-stream.ts';
import type { StreamDecoder, Tokenizer } from './tokenizer.ts';
import { checkTokenizerFile, type TokenizerFile } from './tokenizer-file.ts';
import { windowStreamDecoder } from './window-stream.ts';

/** What is used of the library, whose own declarations do not resolve under NodeNext. */
interface LibraryTokenizer {
  encode(text: string, options: { add_special_tokens: boolean }): { ids: number[]; tokens: string[] };
  decode(ids: number[], options: { skip_special_tokens: boolean; clean_up_tokenization_spaces: boolean }): string;
}

/**
 * Makes a tokenizer of a parsed tokenizer.json. Special tokens in a text are recognised; none is put around it.
 * @param fingerprint identifies the file; computed from `json` unless given
 * @throws InvalidFileError or UnsupportedError for a file that cannot be used. The tokenizer's own methods throw
 *   InvalidArgumentError for a text it has no tokens for, InvalidFileError where only use shows the file's fault.
 */
export async function loadTokenizer(json: unknown, fingerprint?: string): Promise<Tokenizer> {
  const file = checkTokenizerFile(json);
  const library = await import('@huggingface/tokenizers');
  const tokenizer: LibraryTokenizer = guard('be read', () => new library.Tokenizer(file.json, {}));
  const { tokens } = file;
  const isKnown = (id: number) => tokens.has(id);
  const decodeList = (ids: number[]) =>
    guard('decode', () => tokenizer.decode(ids, { skip_special_tokens: false, clean_up_tokenization_spaces: false }));
  const pieceOf = isRecord(file.json.decoder) && file.json.decoder.type === 'ByteLevel' ? pieces(file) : null;
  const streamDecoder = (): StreamDecoder =>
    pieceOf === null ? windowStreamDecoder(decodeList, isKnown) : byteStreamDecoder(pieceOf);
  let vocabSize = 0;
  for (const id of tokens.keys()) vocabSize = Math.max(vocabSize, id + 1);
  return {
    name: `${file.kind}, ${tokens.size} tokens`,
    vocabSize,
    eosTokenIds: endTokens(tokens),
    fingerprint: fingerprint ?? guard('be read', () => new Fingerprint().addText(JSON.stringify(json)).toString()),
    encode(text) {
      const encoded = guard('encode', () => tokenizer.encode(text, { add_special_tokens: false }));
      const unknown = encoded.ids.findIndex((id) => !isKnown(id));
      if (unknown === -1) return Int32Array.from(encoded.ids);
      throw new InvalidArgumentError({
        what: 'The text holds something that the tokenizer has no token for.',
        got: describe(encoded.tokens[unknown]),
        expected: 'text of the language and script that the tokenizer was made for',
      });
    },
    decode(ids) {
      if (pieceOf !== null) return decodeAll(byteStreamDecoder(pieceOf), ids);
      const known = [...ids].filter(isKnown);
      return known.length === 0 ? '' : decodeList(known);
    },
    streamDecoder,
  };
}

/** What each id of a byte-level tokenizer adds to a text; made when first asked for. */
function pieces({ tokens, addedIds }: TokenizerFile): (id: number) => TokenPiece {
  const made = new Map<number, TokenPiece>();
  return (id) => {
    const known = made.get(id);
    if (known !== undefined) return known;
    const token = tokens.get(id);
    if (token === undefined) return undefined;
    const piece = addedIds.has(id) ? token : byteLevelPiece(token);
    made.set(id, piece);
    return piece;
  };
}

/** Tokens that end a text by their usual names. */
function endTokens(tokens: ReadonlyMap<number, string>): number[] {
  const names = new Set(['<|endoftext|>', '</s>', '<|im_end|>', '<|eot_id|>', '<eos>']);
  return [...tokens].filter(([, token]) => names.has(token)).map(([id]) => id);
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
