import { InvalidArgumentError, InvalidFileError } from '@inattention/core';
import { type ByteSource, bytesSource } from '@inattention/formats';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { encodeTokens } from '../../test/encode-tokens.ts';
import { type TokenData, tokensInMemory } from './token-data.ts';
import { checkTokenFile, openTokenFile } from './token-file.ts';
import { headerBytes } from './token-file-header.ts';

const documents = fc.array(fc.array(fc.nat(99), { minLength: 1, maxLength: 12 }), { minLength: 1, maxLength: 20 });

it.each([100, 2 ** 16, 2 ** 16 + 1, 2 ** 31])('gives back what was written, of %d ids', async (vocabSize) => {
  await fc.assert(
    fc.asyncProperty(documents, fc.nat(1000), fc.nat(1000), async (ids, a, b) => {
      const top = ids.map((document) => document.map((id) => vocabSize - 1 - id));
      const file = await openTokenFile(bytesSource(encodeTokens(top, vocabSize), 'data.tokens'));
      const memory = tokensInMemory(top, { vocabSize });
      expect(file).toMatchObject({ vocabSize, tokenCount: top.flat().length, documentCount: top.length });
      const [start, end] = [a, b].map((x) => x % (file.tokenCount + 1)).sort((x, y) => x - y) as [number, number];
      expect([...(await file.readTokens(start, end))]).toEqual(top.flat().slice(start, end));
      expect(await file.readTokens(start, end)).toEqual(await memory.readTokens(start, end));
      expect(await file.readDocumentEnds(0, top.length)).toEqual(await memory.readDocumentEnds(0, top.length));
      const token = a % file.tokenCount;
      expect(await file.documentAt(token)).toEqual(await memory.documentAt(token));
      const span = await file.documentAt(token);
      expect(await file.readTokens(span.start, span.end)).toEqual(Int32Array.from(top[span.document] ?? []));
    }),
    { numRuns: 40 },
  );
});

it('finds documents of many pages with one read each', async () => {
  const count = 3 * 1024 + 5;
  const bytes = encodeTokens(
    Array.from({ length: count }, (_, i) => [1, ...(i % 3 === 0 ? [2] : [])]),
    10,
  );
  let reads = 0;
  const source: ByteSource = {
    ...bytesSource(bytes, 'many'),
    async read(start, end) {
      reads += 1;
      return bytes.slice(start, end);
    },
  };
  const file = await openTokenFile(source);
  expect(reads).toBe(5);
  const ends = await file.readDocumentEnds(0, count);
  for (const document of [0, 1023, 1024, 2000, 3 * 1024, count - 1]) {
    const [start, end] = [document === 0 ? 0 : ends[document - 1], ends[document]];
    reads = 0;
    expect(await file.documentAt(start as number)).toEqual({ document, start, end });
    expect(await file.documentAt((end as number) - 1)).toEqual({ document, start, end });
    expect(reads).toBeLessThan(2);
  }
});

it('refuses parts that are not there', async () => {
  const file = await openTokenFile(bytesSource(encodeTokens([[1, 2], [3]], 10), 'three'));
  for (const [start, end] of [
    [-1, 1],
    [2, 1],
    [0, 4],
    [0.5, 1],
    [Number.NaN, 1],
  ] as const) {
    await expect(file.readTokens(start, end)).rejects.toThrow(InvalidArgumentError);
    await expect(file.readDocumentEnds(start, end)).rejects.toThrow(InvalidArgumentError);
  }
  await expect(file.documentAt(3)).rejects.toThrow(InvalidArgumentError);
});

it('survives any damage: an error of its own, or the tokens', async () => {
  const ids = [[1, 2, 3], [4], [5, 6, 7, 8, 9]];
  const whole = encodeTokens(ids, 10);
  await fc.assert(
    fc.asyncProperty(fc.nat(whole.length - 1), fc.integer({ min: 1, max: 255 }), fc.nat(400), async (at, flip, cut) => {
      const bytes = whole.slice(0, cut < 40 ? cut * 6 : whole.length);
      if (at < bytes.length) bytes[at] = (bytes[at] ?? 0) ^ flip;
      const source = bytesSource(bytes, 'damaged.tokens');
      await expect(checkTokenFile(source)).rejects.toThrow(InvalidFileError);
      const opened: TokenData | null = await openTokenFile(source).catch((error: unknown) => {
        expect(error).toBeInstanceOf(InvalidFileError);
        return null;
      });
      if (opened === null) return;
      const read = await opened.readTokens(0, opened.tokenCount).catch((error: unknown) => {
        expect(error).toBeInstanceOf(InvalidFileError);
        return Int32Array.of();
      });
      for (const id of read) expect(id).toBeLessThan(opened.vocabSize);
    }),
    { numRuns: 400 },
  );
  await expect(checkTokenFile(bytesSource(whole, 'whole'))).resolves.toBeUndefined();
});

it.each([
  [
    'a document that goes backwards',
    (view: DataView) => view.setBigUint64(view.byteLength - 16, 2n, true),
    /do not follow/,
  ],
  [
    'tokens after the last document',
    (view: DataView) => view.setBigUint64(view.byteLength - 8, 8n, true),
    /outside its documents/,
  ],
  ['more tokens than bytes', (view: DataView) => view.setBigUint64(16, 2n ** 40n, true), /not as long as it says/],
  ['more documents than tokens', (view: DataView) => view.setBigUint64(24, 2n ** 63n, true), /cannot be/],
  ['another version', (view: DataView) => view.setUint32(8, 2, true), /version 2/],
  ['an impossible vocabulary', (view: DataView) => view.setUint32(32, 2 ** 16 + 1, true), /vocabulary size/],
])('refuses %s', async (_what, damage, message) => {
  const bytes = encodeTokens([[1, 2, 3], [4], [5, 6, 7, 8, 9]], 10);
  damage(new DataView(bytes.buffer));
  await expect(openTokenFile(bytesSource(bytes, 'hostile.tokens'))).rejects.toThrow(message);
});

it('names the id that the vocabulary lacks', async () => {
  const bytes = encodeTokens([[1, 2, 3]], 10);
  bytes[headerBytes + 2] = 10;
  const file = await openTokenFile(bytesSource(bytes, 'hostile.tokens'));
  await expect(file.readTokens(0, 3)).rejects.toThrow(/at token 1\. Got: 10\./);
  expect(() => tokensInMemory([[1], [2, 10]], { vocabSize: 10 })).toThrow(/Token 1 of document 1/);
});
