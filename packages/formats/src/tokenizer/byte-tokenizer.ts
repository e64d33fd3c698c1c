/** The tokenizer without a vocabulary: ids are the bytes of UTF-8. */

import type { Tokenizer } from './tokenizer.ts';

/** 256 ids. Bytes that are no valid UTF-8 decode to U+FFFD; ids above 255 decode to nothing. */
export function createByteTokenizer(): Tokenizer {
  const isByte = (id: number) => Number.isInteger(id) && id >= 0 && id < 256;
  return {
    name: 'UTF-8 bytes',
    vocabSize: 256,
    eosTokenIds: [],
    fingerprint: 'bytes',
    encode: (text) => Int32Array.from(new TextEncoder().encode(text)),
    decode: (ids) => new TextDecoder('utf-8', { ignoreBOM: true }).decode(Uint8Array.from([...ids].filter(isByte))),
    streamDecoder() {
      const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
      return {
        push: (id) => (isByte(id) ? decoder.decode(Uint8Array.of(id), { stream: true }) : ''),
        flush: () => decoder.decode(),
      };
    },
  };
}
