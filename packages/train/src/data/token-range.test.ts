import { InvalidArgumentError } from '@inattention/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { inFile, numbered, vocabSize } from '../../test/numbered-documents.ts';
import { tokensInMemory } from './token-data.ts';
import { tokenRange } from './token-range.ts';

it('is the data that its tokens would be alone', async () => {
  const lengths = fc.array(fc.integer({ min: 1, max: 9 }), { minLength: 1, maxLength: 20 });
  await fc.assert(
    fc.asyncProperty(lengths, fc.nat(200), fc.nat(200), async (of, a, b) => {
      const data = await inFile(of);
      const [start = 0, end = 0] = [a, b].map((x) => x % (data.tokenCount + 1)).sort((x, y) => x - y);
      const part = await tokenRange(data, start, end);
      const kept = numbered(of).map((document) => document.filter((id) => id >= start && id < end));
      const alone = tokensInMemory(kept, { vocabSize });
      expect([part.tokenCount, part.documentCount]).toEqual([alone.tokenCount, alone.documentCount]);
      expect(await part.readTokens(0, end - start)).toEqual(await alone.readTokens(0, end - start));
      const ends = await part.readDocumentEnds(0, part.documentCount);
      expect(ends).toEqual(await alone.readDocumentEnds(0, alone.documentCount));
      for (let token = 0; token < end - start; token += 1) {
        expect(await part.documentAt(token)).toEqual(await alone.documentAt(token));
      }
    }),
  );
});

it('has a fingerprint of its own, and refuses what is not there', async () => {
  const data = await inFile([5, 5]);
  const parts = await Promise.all([tokenRange(data, 0, 5), tokenRange(data, 5, 10), tokenRange(data, 0, 10)]);
  expect(new Set([data, ...parts].map(({ fingerprint }) => fingerprint)).size).toBe(4);
  await expect(tokenRange(data, 0, 11)).rejects.toThrow(InvalidArgumentError);
  await expect(parts[0].readTokens(0, 6)).rejects.toThrow(InvalidArgumentError);
  await expect(parts[0].documentAt(5)).rejects.toThrow(InvalidArgumentError);
  await expect(parts[0].readDocumentEnds(0, 2)).rejects.toThrow(InvalidArgumentError);
});
