/**
 * The byte-level alphabet of GPT-2: each byte is written as one visible character, so that a vocabulary of bytes is a
 * list of printable strings. Printable Latin-1 stands for itself; the other 68 bytes follow from U+0100 on.
 * Source: Radford et al., "Language Models are Unsupervised Multitask Learners" (2019), its released encoder.
 */

import type { TokenPiece } from './byte-stream.ts';

const byteOfCharacter = alphabet();

/** Bytes that a token of a byte-level vocabulary stands for; a token with another character in it is its own UTF-8. */
export function byteLevelPiece(token: string): TokenPiece {
  const bytes = new Uint8Array(token.length);
  for (let i = 0; i < token.length; i += 1) {
    const byte = byteOfCharacter.get(token.charCodeAt(i));
    if (byte === undefined) return new TextEncoder().encode(token);
    bytes[i] = byte;
  }
  return bytes;
}

/** Byte by UTF-16 code. */
function alphabet(): ReadonlyMap<number, number> {
  const bytes = new Map<number, number>();
  let next = 0x100;
  for (let byte = 0; byte < 256; byte += 1) {
    const printable = (byte >= 0x21 && byte <= 0x7e) || (byte >= 0xa1 && byte !== 0xad);
    bytes.set(printable ? byte : next, byte);
    if (!printable) next += 1;
  }
  return bytes;
}
