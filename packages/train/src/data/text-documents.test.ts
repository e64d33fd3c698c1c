import type { ByteSource } from '@inattention/formats';
import { bytesSource, createByteTokenizer } from '@inattention/formats';
import { expect, it } from 'vitest';
import { pieceLength } from './cut-text.ts';
import { wholeDocuments } from './documents.ts';
import { jsonlDocuments } from './jsonl-documents.ts';
import { chunkBytes } from './text-chunks.ts';
import { textDocuments } from './text-documents.ts';
import { tokenizeDocuments } from './tokenize-documents.ts';

const size = 3 * chunkBytes + 12_345;

/** A text far larger than what may be held of it, made where it is read; it keeps account of the reads. */
function longText(byteAt: (place: number) => number) {
  const reads: number[] = [];
  const source: ByteSource = {
    name: 'long.txt',
    size,
    async read(start, end) {
      reads.push(end - start);
      return Uint8Array.from({ length: end - start }, (_, i) => byteAt(start + i));
    },
  };
  return { source, reads };
}

const letters = (place: number) => 97 + (place % 7);
const prose = (place: number) => (place % 7 === 6 ? 0x20 : letters(place));
const lines = (place: number) => (place % 100_000 === 0 ? 0x0a : prose(place));
const quoted = '{"text":"'.padEnd(1000, 'word ').slice(0, 997).concat('"}\n');
const jsonl = (place: number) => (place >= size - (size % 1000) ? 0x20 : quoted.charCodeAt(place % 1000));

it.each([
  ['one document of words', prose, (source: ByteSource) => textDocuments(source), size],
  ['one word', letters, (source: ByteSource) => textDocuments(source, { separator: '--' }), size],
  ['many lines', lines, (source: ByteSource) => textDocuments(source, { separator: '--' }), size],
  ['JSONL', jsonl, (source: ByteSource) => jsonlDocuments(source), Math.floor(size / 1000) * 988],
])(
  'reads a large file chunk by chunk, and no further than its pieces are taken: %s',
  async (_what, byteAt, open, length) => {
    const { source, reads } = longText(byteAt);
    let characters = 0;
    for await (const { text, read } of open(source).pieces()) {
      expect(text.length).toBeLessThanOrEqual(pieceLength);
      expect(reads.reduce((sum, bytes) => sum + bytes, 0)).toBe(read); // nothing is read ahead
      characters += text.length;
      expect(read - characters * (size / length)).toBeLessThan(chunkBytes + 3 * pieceLength); // nothing piles up
    }
    expect(characters).toBe(length);
    expect(reads).toEqual([...Array(3).fill(chunkBytes), 12_345]);
  },
);

it('gives the ids of the whole text', async () => {
  const { source } = longText(prose);
  let place = 0;
  let wrong = 0;
  for await (const { ids } of tokenizeDocuments([textDocuments(source)], { tokenizer: createByteTokenizer() })) {
    for (const id of ids) {
      if (id !== prose(place)) wrong += 1;
      place += 1;
    }
  }
  expect([place, wrong]).toEqual([size, 0]);
});

it('takes the end of a long line for no separator, wherever a chunk ends', async () => {
  const text = `${'a'.repeat(chunkBytes)}--\nb\n--\nc`;
  const source = textDocuments(bytesSource(new TextEncoder().encode(text), 'a.txt'), { separator: '--' });
  const documents: number[] = [];
  for await (const document of wholeDocuments([source])) documents.push(document.length);
  expect(documents).toEqual([chunkBytes + 5, 1]);
});
