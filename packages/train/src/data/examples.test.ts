import { InvalidArgumentError } from '@inattention/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { inFile, inMemory, numbered } from '../../test/numbered-documents.ts';
import type { TrainingText } from './batch-source.ts';
import { documentExamples, type Examples, packedExamples } from './examples.ts';

const lengths = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 40 });
const length = fc.integer({ min: 1, max: 40 });
const readAll = (examples: Examples) =>
  Promise.all(Array.from({ length: examples.count }, (_, number) => examples.read(number)));
const foreseenIn = (texts: readonly TrainingText[]) => texts.flatMap(({ tokens }) => [...tokens.subarray(1)]);

/** Places of the first tokens of all documents. */
const firstTokens = (of: readonly number[]) => new Set(numbered(of).map(([first]) => first));

it('foresees every token but the first once, in packed texts that say where documents begin', async () => {
  await fc.assert(
    fc.asyncProperty(lengths, length, fc.boolean(), async (of, size, file) => {
      const data = file ? await inFile(of) : inMemory(of);
      fc.pre(data.tokenCount > 1);
      const examples = packedExamples(data, { length: size });
      const texts = await readAll(examples);
      expect(foreseenIn(texts)).toEqual(Array.from({ length: data.tokenCount - 1 }, (_, i) => i + 1));
      const first = firstTokens(of);
      for (const [number, { tokens, documentStarts }] of texts.entries()) {
        if (number < examples.count - 1) expect(tokens.length).toBe(size + 1);
        expect([...documentStarts]).toEqual([...tokens.keys()].filter((place) => first.has(tokens[place])));
      }
    }),
  );
});

it('foresees every token but the first of its document once, in texts within documents', async () => {
  await fc.assert(
    fc.asyncProperty(lengths, length, async (of, size) => {
      fc.pre(of.some((tokens) => tokens > 1));
      const texts = await readAll(await documentExamples(await inFile(of), { length: size }));
      expect(foreseenIn(texts)).toEqual(numbered(of).flatMap((document) => document.slice(1)));
      const first = firstTokens(of);
      for (const { tokens, documentStarts } of texts) {
        expect(tokens.length).toBeLessThanOrEqual(size + 1);
        expect([...documentStarts]).toEqual(first.has(tokens[0]) ? [0] : []);
      }
    }),
  );
});

it('leaves out what is shorter than asked for', async () => {
  const data = inMemory([10, 3, 6]);
  const sizes = async (examples: Examples) => (await readAll(examples)).map(({ tokens }) => tokens.length - 1);
  expect(await sizes(packedExamples(data, { length: 5 }))).toEqual([5, 5, 5, 3]);
  expect(await sizes(packedExamples(data, { length: 5, shortest: 4 }))).toEqual([5, 5, 5]);
  expect(await sizes(await documentExamples(data, { length: 4 }))).toEqual([4, 4, 1, 2, 4, 1]);
  expect(await sizes(await documentExamples(data, { length: 4, shortest: 2 }))).toEqual([4, 4, 2, 4]);
});

it('refuses lengths and data without a text, and numbers that are none', async () => {
  for (const options of [{ length: 0 }, { length: 1.5 }, { length: 4, shortest: 5 }, { length: 4, shortest: 0 }]) {
    expect(() => packedExamples(inMemory([9]), options)).toThrow(InvalidArgumentError);
    await expect(documentExamples(inMemory([9]), options)).rejects.toThrow(InvalidArgumentError);
  }
  expect(() => packedExamples(inMemory([1]), { length: 4 })).toThrow(/no text that is long enough/);
  expect(() => packedExamples(inMemory([]), { length: 4 })).toThrow(/no text that is long enough/);
  await expect(documentExamples(inMemory([1, 1, 1]), { length: 4 })).rejects.toThrow(/no text that is long enough/);
  expect(() => packedExamples(inMemory([9]), { length: 4 }).read(2)).toThrow(/no such text/);
});
