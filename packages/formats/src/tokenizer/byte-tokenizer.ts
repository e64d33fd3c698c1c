/** The tokenizer without a vocabulary: ids are the bytes of UTF-8. */

import { byteStreamDecoder, decodeAll } from './byte-stream.ts';
import type { Tokenizer } from './tokenizer.ts';

export interface ByteTokenizerOptions {
  /** Adds id 256, which ends a text. It is never in an encoded text, and decodes to nothing. Default false. */
  readonly endOfText?: boolean;
}

/** 256 ids, or 257 with the one that ends a text. */
export function createByteTokenizer({ endOfText = false }: ByteTokenizerOptions = {}): Tokenizer {
  const pieces = Array.from({ length: 256 }, (_, byte) => Uint8Array.of(byte));
  const streamDecoder = () => byteStreamDecoder((id) => (id === 256 && endOfText ? '' : pieces[id]));
  return {
    name: endOfText ? 'UTF-8 bytes and an end of text' : 'UTF-8 bytes',
    vocabSize: endOfText ? 257 : 256,
    eosTokenIds: endOfText ? [256] : [],
    fingerprint: endOfText ? 'bytes+end' : 'bytes',
    encode: (text) => Int32Array.from(new TextEncoder().encode(text)),
    decode: (ids) => decodeAll(streamDecoder(), ids),
    streamDecoder,
  };
}
