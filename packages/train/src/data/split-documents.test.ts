import { InvalidArgumentError } from '@inattention/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { inFile, inMemory, numbered, vocabSize } from '../../test/numbered-documents.ts';
import { subsetOfDocuments } from './document-subset.ts';
import { splitDocuments } from './split-documents.ts';
import { type TokenData, tokensInMemory } from './token-data.ts';

const lengths = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 40 });

async function documentsOf(data: TokenData): Promise<number[][]> {
  const ends = [...(await data.readDocumentEnds(0, data.documentCount))];
  return Promise.all(ends.map(async (end, i) => [...(await data.readTokens(ends[i - 1] ?? 0, end))]));
}

it('splits documents so that each is in one part, and stays there when others are added', async () => {
  const share = fc.double({ min: 0, max: 0.45, noNaN: true });
  await fc.assert(
    fc.asyncProperty(lengths, lengths, share, share, fc.nat(99), async (of, more, validation, test, seed) => {
      const split = await splitDocuments(await inFile(of), { validation, test, seed }).catch(() => null);
      fc.pre(split !== null);
      const parts = await Promise.all([split.train, split.validation, split.test].map(documentsOf));
      const all = parts.flat().sort((a, b) => (a[0] ?? 0) - (b[0] ?? 0));
      expect(all).toEqual(numbered(of));
      const longer = await splitDocuments(inMemory([...of, ...more]), { validation, test, seed });
      const laterParts = await Promise.all([longer.train, longer.validation, longer.test].map(documentsOf));
      for (const [i, part] of parts.entries()) expect(laterParts[i]?.slice(0, part.length)).toEqual(part);
    }),
    { numRuns: 60 },
  );
});

it('keeps the test documents whatever is set apart for validation, and takes the shares it is told', async () => {
  const data = inMemory(Array.from({ length: 5000 }, () => 2));
  const tests = async (validation: number) => documentsOf((await splitDocuments(data, { validation, test: 0.1 })).test);
  expect(await tests(0.3)).toEqual(await tests(0));
  const { train, validation, test } = await splitDocuments(data, { validation: 0.05, test: 0.1, seed: 3 });
  expect(Math.abs(test.documentCount - 500)).toBeLessThan(5 * Math.sqrt(450));
  expect(Math.abs(validation.documentCount - 250)).toBeLessThan(5 * Math.sqrt(238));
  expect(train.documentCount + validation.documentCount + test.documentCount).toBe(5000);
  expect(new Set([data, train, validation, test].map(({ fingerprint }) => fingerprint)).size).toBe(4);
});

it('splits by ranges, and refuses what cannot be', async () => {
  const data = inMemory([1, 2, 3, 4, 5]);
  const ranges = { validation: { first: 1, last: 3 }, test: { first: 4, last: 5 } };
  const split = await splitDocuments(data, ranges);
  const counts = [split.train, split.validation, split.test].map(({ tokenCount }) => tokenCount);
  expect(counts).toEqual([5, 5, 5]);
  const whole = { first: 0, last: 5 };
  for (const bad of [
    { validation: 1.1 },
    { validation: -0.1 },
    { validation: Number.NaN },
    { validation: 0.6, test: 0.6 },
    { test: { first: 2, last: 6 } },
    { test: { first: 3, last: 2 } },
    { validation: ranges.validation, test: { first: 2, last: 4 } },
    { test: whole },
    { seed: 0.5 },
  ]) {
    await expect(splitDocuments(data, bad)).rejects.toThrow(InvalidArgumentError);
  }
});

it('makes a subset of the documents the same data as they would be alone', async () => {
  const of = Array.from({ length: 3000 }, (_, i) => 1 + (i % 5));
  const keep = (document: number, size: number) => size > 1 && document % 7 < 5;
  const kept = numbered(of).filter((document, i) => keep(i, document.length));
  const subset = await subsetOfDocuments(await inFile(of), { name: 'some', keep });
  const alone = tokensInMemory(kept, { vocabSize });
  expect([subset.tokenCount, subset.documentCount]).toEqual([alone.tokenCount, alone.documentCount]);
  expect(await subset.readTokens(0, subset.tokenCount)).toEqual(await alone.readTokens(0, alone.tokenCount));
  expect(await subset.readDocumentEnds(0, kept.length)).toEqual(await alone.readDocumentEnds(0, kept.length));
  const place = fc.nat(subset.tokenCount - 1);
  await fc.assert(
    fc.asyncProperty(place, place, async (a, b) => {
      const [start, end] = [Math.min(a, b), Math.max(a, b)];
      expect(await subset.readTokens(start, end)).toEqual(await alone.readTokens(start, end));
      expect(await subset.documentAt(a)).toEqual(await alone.documentAt(a));
    }),
    { numRuns: 100 },
  );
  const none = await subsetOfDocuments(alone, { name: 'none', keep: () => false });
  expect([none.tokenCount, none.documentCount, await none.readTokens(0, 0)]).toEqual([0, 0, new Int32Array(0)]);
});
