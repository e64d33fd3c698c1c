/**
 * Streams text out of tokens that are bytes: the platform's incremental UTF-8 decoder holds back what is not yet a whole
 * character, and never more than three bytes of it.
 */

import type { StreamDecoder } from './tokenizer.ts';

/** What a token adds: bytes of UTF-8, a text that stands for itself, or nothing. */
export type TokenPiece = Uint8Array | string | undefined;

/** A decoder of the pieces that `pieceOf` gives for ids. A piece of text ends the character before it. */
export function byteStreamDecoder(pieceOf: (id: number) => TokenPiece): StreamDecoder {
  const decoder = new TextDecoder('utf-8', { ignoreBOM: true });
  return {
    push(id) {
      const piece = pieceOf(id);
      if (piece === undefined) return '';
      return typeof piece === 'string' ? decoder.decode() + piece : decoder.decode(piece, { stream: true });
    },
    flush: () => decoder.decode(),
  };
}

/** All ids at once, through the same decoder. */
export function decodeAll(stream: StreamDecoder, ids: Iterable<number>): string {
  const parts: string[] = [];
  for (const id of ids) parts.push(stream.push(id));
  parts.push(stream.flush());
  return parts.join('');
}
