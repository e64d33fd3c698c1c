import { listGoldenCases, loadGoldenCase } from '@inattention/conformance/golden';
import { UnsupportedError } from '@inattention/core';
import type { AttentionBias, ModelConfig, PositionEmbeddingType, RopeScaling } from '@inattention/core/math';
import { createHostBackend } from '@inattention/core/testing';
import { createCpuBackend } from '@inattention/cpu';
import { createModel } from '@inattention/model';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { goldenModel } from '../../test/golden-model.ts';
import { numbersOf, text, worst } from '../../test/gradient-numbers.ts';
import { seededTokens, smallConfig } from '../../test/small-model.ts';
import type { Batch } from '../data/batch-source.ts';
import { evaluateBatch } from './evaluate.ts';
import { computeGradients } from './gradients.ts';

const backend = await createCpuBackend({ threads: 2 });
afterAll(() => backend.dispose());

const isPure = (config: ModelConfig) => !config.attentionTypes.slice(1).includes('self');
const random = { seed: 3, deviation: 0.3, windowDeviation: 0.2, biasDeviation: 0.3 };

describe('golden cases, by table rows', () => {
  it.each(listGoldenCases())('%s', async (name) => {
    const golden = await loadGoldenCase(name);
    using model = goldenModel(backend, golden);
    const batch: Batch = { texts: [text(golden.tokens, golden.lossPositions)] };
    if (!isPure(golden.config)) {
      expect(() => computeGradients(model, [batch], { context: 'tables' })).toThrow(UnsupportedError);
      return;
    }
    const expected = new Map([...golden.gradientsAtPositions].map(([key, { data }]) => [key, data]));
    for (const checkpointedLayers of [0, golden.config.numHiddenLayers]) {
      const options = { context: 'tables', checkpointedLayers } as const;
      const got = await numbersOf(computeGradients(model, [batch], options));
      expect(got.loss).toBeCloseTo(golden.lossAtPositions, 4);
      expect(worst(got.gradients, expected)).toBeLessThan(1e-3);
    }
    const { loss } = await evaluateBatch(model, batch, { context: 'tables' });
    expect(loss).toBeCloseTo(golden.lossAtPositions, 4);
  });
});

/** Models of every kind without self layers. */
const anyConfig: fc.Arbitrary<ModelConfig> = fc
  .record({
    positionEmbeddingType: fc.constantFrom<PositionEmbeddingType>('rope', 'alibi', 'learned', 'none'),
    initialStateWindow: fc.integer({ min: 1, max: 4 }),
    numHiddenLayers: fc.integer({ min: 1, max: 3 }),
    heads: fc.constantFrom([4, 1] as const, [4, 2] as const, [3, 3] as const),
    hiddenSize: fc.constantFrom(8, 20),
    headDim: fc.constantFrom(2, 6),
    tieWordEmbeddings: fc.boolean(),
    attentionBias: fc.constantFrom<AttentionBias | undefined>(undefined, undefined, 'qkv', 'qkvo'),
    queryKeyNorm: fc.boolean(),
    yarn: fc.boolean(),
  })
  .map(({ heads, attentionBias, yarn, ...sizes }) =>
    smallConfig({
      ...sizes,
      numAttentionHeads: heads[0],
      numKeyValueHeads: heads[1],
      attentionTypes: Array<'inattention'>(sizes.numHiddenLayers).fill('inattention'),
      ...(attentionBias !== undefined && { attentionBias }),
      ...(yarn && sizes.positionEmbeddingType === 'rope' && { ropeScaling: yarnScaling }),
    }),
  );

const yarnScaling: RopeScaling = {
  kind: 'yarn',
  factor: 4,
  originalLength: 16,
  betaFast: 32,
  betaSlow: 1,
  attentionFactor: 1.3,
  truncate: true,
};

/** Texts, some of whose positions count. */
const anyBatch = fc
  .array(
    fc.record({
      seed: fc.nat(1000),
      length: fc.integer({ min: 2, max: 60 }),
      vocabSize: fc.constantFrom(5, 61),
      positions: fc.array(fc.nat(1000), { minLength: 1, maxLength: 6 }),
      starts: fc.array(fc.nat(1000), { maxLength: 2 }),
    }),
    { minLength: 1, maxLength: 3 },
  )
  .map((texts): Batch => {
    const ascending = (numbers: readonly number[], end: number) =>
      [...new Set(numbers.map((n) => n % end))].sort((a, b) => a - b);
    return {
      texts: texts.map(({ seed, length, vocabSize, positions, starts }) =>
        text(seededTokens(seed, length + 1, vocabSize), ascending(positions, length), ascending(starts, length)),
      ),
    };
  });

it('are the same by table row and by position, whatever the model, the texts and the chunks', async () => {
  await fc.assert(
    fc.asyncProperty(
      anyConfig,
      anyBatch,
      fc.constantFrom(1, 7, 16, 4096),
      fc.boolean(),
      async (config, batch, chunkLength, joined) => {
        using model = createModel(config, backend, random);
        const documents = joined ? 'joined' : 'separate';
        const counts =
          joined ||
          batch.texts.some(({ positions = [], documentStarts }) =>
            positions.some((place) => !documentStarts.includes(place + 1)),
          );
        fc.pre(counts);
        const live = backend.ledger.snapshot().live;
        const dense = await numbersOf(computeGradients(model, [batch], { documents, context: 'dense' }));
        const tables = await numbersOf(computeGradients(model, [batch], { documents, context: 'tables', chunkLength }));
        expect(tables.loss).toBeCloseTo(dense.loss, 5);
        const again = computeGradients(model, [batch], {
          documents,
          context: 'tables',
          chunkLength,
          checkpointedLayers: 2,
        });
        expect(await numbersOf(again)).toEqual(tables); // bit for bit
        // A key's bias has no gradient without rotation: what is there is rounding.
        const largest = Math.max(...[...dense.gradients.values()].map((numbers) => Math.max(...numbers.map(Math.abs))));
        expect(worst(tables.gradients, dense.gradients, largest / 100)).toBeLessThan(2e-4);
        const values = ['dense', 'tables'] as const;
        const losses = await Promise.all(values.map((context) => evaluateBatch(model, batch, { documents, context })));
        for (const { loss } of losses) expect(loss).toBeCloseTo(dense.loss, 5);
        expect(backend.ledger.snapshot().live).toEqual(live);
      },
    ),
    { numRuns: 60 },
  );
}, 120_000);

it('are the same without fused operations', async () => {
  const batch: Batch = { texts: [text(seededTokens(1, 40), [3, 20, 37]), text(seededTokens(2, 12), [10])] };
  const options = { context: 'tables', chunkLength: 16 } as const;
  for (const positionEmbeddingType of ['rope', 'learned'] as const) {
    const config = smallConfig({ positionEmbeddingType, queryKeyNorm: true, attentionBias: 'qkv' });
    using fused = createModel(config, backend, random);
    using plain = createModel(config, createHostBackend(), random);
    const got = await numbersOf(computeGradients(plain, [batch], options));
    const expected = await numbersOf(computeGradients(fused, [batch], options));
    expect(got.loss).toBeCloseTo(expected.loss, 5);
    const largest = Math.max(...[...expected.gradients.values()].map((numbers) => Math.max(...numbers.map(Math.abs))));
    expect(worst(got.gradients, expected.gradients, largest / 100)).toBeLessThan(2e-4);
  }
});

it('are the same on any number of threads, bit for bit', async () => {
  const single = await createCpuBackend({ threads: 1 });
  const batch: Batch = { texts: [text(seededTokens(1, 500), [30, 200, 370, 499 - 1])] };
  const numbers: unknown[] = [];
  for (const device of [backend, single]) {
    using model = createModel(smallConfig(), device, random);
    numbers.push(await numbersOf(computeGradients(model, [batch], { context: 'tables', chunkLength: 64 })));
  }
  single.dispose();
  expect(numbers[1]).toEqual(numbers[0]);
});
