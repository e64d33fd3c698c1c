/** UTF-8 text out of bytes that are read range by range. A text that is no UTF-8 is refused, not mended. */

import { InvalidFileError, throwIfAborted } from '@inattention/core';
import type { ByteSource } from '@inattention/formats';

/** Bytes read at once. */
export const chunkBytes = 2 ** 20;

export interface TextChunk {
  readonly text: string;
  /** Bytes read so far. */
  readonly read: number;
}

/** The text of a source, in pieces of about a megabyte; a byte order mark at its beginning is left out. */
export async function* textChunks(source: ByteSource, signal?: AbortSignal): AsyncGenerator<TextChunk> {
  const decoder = new TextDecoder('utf-8', { fatal: true });
  const decode = (start: number, bytes?: Uint8Array) => {
    try {
      return bytes === undefined ? decoder.decode() : decoder.decode(bytes, { stream: true });
    } catch (cause) {
      throw new InvalidFileError({
        what: `${source.name} is not UTF-8.`,
        got:
          bytes === undefined ? 'a character that is cut off at its end' : `other bytes somewhere after byte ${start}`,
        fix: 'convert it to UTF-8',
        cause,
      });
    }
  };
  for (let start = 0; start < source.size; start += chunkBytes) {
    throwIfAborted(signal, `Reading ${source.name}`);
    const end = Math.min(start + chunkBytes, source.size);
    yield { text: decode(start, await source.read(start, end, signal)), read: end };
  }
  const rest = decode(source.size);
  if (rest !== '') yield { text: rest, read: source.size };
}
