import { InvalidArgumentError } from '@inattention/core';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { inFile, inMemory } from '../../test/numbered-documents.ts';
import type { Batch, Cursor, TrainingText } from './batch-source.ts';
import { type ExampleBatchesOptions, exampleBatches } from './example-batches.ts';
import { type Examples, packedExamples } from './examples.ts';

const lengths = fc.array(fc.integer({ min: 1, max: 30 }), { minLength: 1, maxLength: 40 });
const length = fc.integer({ min: 1, max: 40 });
const readAll = (examples: Examples) =>
  Promise.all(Array.from({ length: examples.count }, (_, number) => examples.read(number)));
const foreseenIn = (texts: readonly TrainingText[]) => texts.flatMap(({ tokens }) => [...tokens.subarray(1)]);
const ascending = (numbers: readonly number[]) => [...numbers].sort((a, b) => a - b);

async function allBatches(examples: Examples, options: ExampleBatchesOptions): Promise<Batch[]> {
  const source = exampleBatches(examples, options);
  const batches: Batch[] = [];
  for (let batch = await source.next(); batch !== null; batch = await source.next()) batches.push(batch);
  return batches;
}

it('gives each text once per epoch, whatever the batches, and each epoch in another order', async () => {
  await fc.assert(
    fc.asyncProperty(lengths, length, fc.integer({ min: 1, max: 9 }), fc.nat(99), async (of, size, batchSize, seed) => {
      fc.pre(of.length > 1);
      const examples = packedExamples(inMemory(of), { length: size });
      const batches = await allBatches(examples, { batchSize, seed, epochs: 3 });
      const texts = batches.flatMap((batch) => batch.texts);
      expect(texts).toHaveLength(3 * examples.count);
      for (const batch of batches.slice(0, -1)) expect(batch.texts).toHaveLength(batchSize);
      const all = foreseenIn(await readAll(examples));
      for (let epoch = 0; epoch < 3; epoch += 1) {
        const seen = foreseenIn(texts.slice(epoch * examples.count, (epoch + 1) * examples.count));
        expect(ascending(seen)).toEqual(all);
      }
    }),
    { numRuns: 60 },
  );
});

it('shuffles, unless told not to', async () => {
  const examples = packedExamples(inMemory([201]), { length: 2 });
  const firsts = async (options: Omit<ExampleBatchesOptions, 'batchSize'>) =>
    (await allBatches(examples, { batchSize: 10, ...options })).flatMap(({ texts }) =>
      texts.map(({ tokens }) => tokens[0]),
    );
  const inOrder = Array.from({ length: 100 }, (_, i) => 2 * i);
  expect(await firsts({ epochs: 1, order: 'sequential' })).toEqual(inOrder);
  const two = await firsts({ epochs: 2, seed: 5 });
  expect(two.slice(0, 100)).not.toEqual(inOrder);
  expect(two.slice(100)).not.toEqual(two.slice(0, 100));
  expect(await firsts({ epochs: 2, seed: 5 })).toEqual(two);
  expect(await firsts({ epochs: 2, seed: 6 })).not.toEqual(two);
});

it('goes on from any cursor with the same batches, positions included', async () => {
  await fc.assert(
    fc.asyncProperty(
      lengths,
      fc.record({
        batchSize: fc.integer({ min: 1, max: 7 }),
        seed: fc.nat(99),
        positions: fc.integer({ min: 1, max: 9 }),
      }),
      fc.constantFrom('shuffled' as const, 'sequential' as const),
      async (of, options, order) => {
        fc.pre(of.length > 1);
        const examples = packedExamples(await inFile(of), { length: 8 });
        const open = () => exampleBatches(examples, { ...options, order });
        const source = open();
        const cursors: Cursor[] = [];
        const batches: (Batch | null)[] = [];
        for (let i = 0; i < 12; i += 1) {
          cursors.push(JSON.parse(JSON.stringify(source.cursor())));
          batches.push(await source.next());
        }
        const resumed = open();
        for (let from = 11; from >= 0; from -= 1) {
          resumed.seek(cursors[from] as Cursor);
          expect(resumed.cursor()).toEqual(cursors[from]);
          for (const batch of batches.slice(from, from + 3)) expect(await resumed.next()).toEqual(batch);
        }
      },
    ),
    { numRuns: 30 },
  );
});

it('draws other positions in each epoch, and all of a text that has no more', async () => {
  const examples = packedExamples(inMemory([105]), { length: 100 });
  const [one, two, three] = await allBatches(examples, { batchSize: 2, epochs: 3, positions: 10 });
  const long = [one, two, three].map((batch) => batch?.texts.find(({ tokens }) => tokens.length === 101)?.positions);
  for (const positions of long) expect(positions).toHaveLength(10);
  expect(new Set(long.map(String)).size).toBe(3);
  expect(one?.texts.find(({ tokens }) => tokens.length === 5)?.positions).toBeUndefined();
});

it('gives the same batch again after one that failed', async () => {
  const examples = packedExamples(inMemory([50]), { length: 4 });
  let broken = true;
  const flaky = {
    ...examples,
    read: (n: number) => (broken ? Promise.reject(new TypeError('broken')) : examples.read(n)),
  };
  const source = exampleBatches(flaky, { batchSize: 3 });
  const before = source.cursor();
  await expect(source.next()).rejects.toThrow('broken');
  expect(source.cursor()).toEqual(before);
  broken = false;
  expect(await source.next()).toEqual(await exampleBatches(examples, { batchSize: 3 }).next());
});

it('refuses the cursor of another source', () => {
  const make = (of: number[], size: number, options: Partial<ExampleBatchesOptions> = {}) =>
    exampleBatches(packedExamples(inMemory(of), { length: size }), { batchSize: 2, ...options });
  const source = make([50], 4);
  const others = [
    make([51], 4),
    make([25, 25], 4),
    make([50], 5),
    make([50], 4, { seed: 1 }),
    make([50], 4, { batchSize: 3 }),
  ];
  others.push(make([50], 4, { positions: 2 }), make([50], 4, { order: 'sequential' }), make([50], 4, { epochs: 1 }));
  for (const other of others) expect(() => source.seek(other.cursor())).toThrow(InvalidArgumentError);
  const cursor = source.cursor();
  for (const bad of [
    {},
    { ...cursor, index: 13 },
    { ...cursor, index: -1 },
    { ...cursor, epoch: 0.5 },
    { ...cursor, epoch: '0' },
  ]) {
    expect(() => source.seek(bad)).toThrow(InvalidArgumentError);
  }
  expect(source.cursor()).toEqual(cursor);
});

it.each([
  [{ batchSize: 0 }],
  [{ batchSize: 1.5 }],
  [{ batchSize: 1, seed: -1 }],
  [{ batchSize: 1, epochs: 0 }],
  [{ batchSize: 1, positions: 0 }],
])('refuses %j', (options) => {
  expect(() => exampleBatches(packedExamples(inMemory([9]), { length: 2 }), options)).toThrow(InvalidArgumentError);
});
