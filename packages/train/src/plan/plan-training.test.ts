import { type Backend, BudgetExceededError, InvalidArgumentError, UnsupportedError } from '@inattention/core';
import type { ModelConfig, PositionEmbeddingType } from '@inattention/core/math';
import { createHostBackend } from '@inattention/core/testing';
import { createCpuBackend } from '@inattention/cpu';
import { createModel, Random } from '@inattention/model';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { text } from '../../test/gradient-numbers.ts';
import { seededTokens, smallConfig } from '../../test/small-model.ts';
import type { Batch, TrainingText } from '../data/batch-source.ts';
import { samplePositions } from '../data/sample-positions.ts';
import { Trainer } from '../trainer/trainer.ts';
import { type Checkpointing, kernelScratchBytes, planTraining, type TrainingPlan } from './plan-training.ts';

const cpu = await createCpuBackend({ threads: 2 });
afterAll(() => cpu.dispose());

const schedule = { kind: 'constant', peak: 0.001 } as const;

interface Run {
  readonly config: ModelConfig;
  readonly options: {
    readonly batch: number;
    readonly length: number;
    readonly positions: number;
    readonly accumulate: number;
    readonly documents: 'separate' | 'joined';
    readonly context: 'dense' | 'tables' | 'auto';
    readonly checkpointing: Checkpointing;
  };
}

/** The ledger's peak over a step and an evaluation, all that a run has included. */
async function peakOf(backend: Backend, { config, options }: Run, batches: readonly Batch[]): Promise<number> {
  backend.ledger.resetPeak();
  const before = backend.ledger.snapshot().liveTotal;
  using model = createModel(config, backend, { seed: 1, deviation: 0.2 });
  const { documents, context, checkpointing } = options;
  using trainer = new Trainer(model, { schedule, documents, context, checkpointing });
  await trainer.step(batches);
  const [first] = batches as [Batch];
  const ended = [first, null];
  await trainer.evaluate({ next: async () => ended.shift() ?? null, cursor: () => ({}), seek: () => undefined });
  return backend.ledger.snapshot().peakLive - before;
}

function countedBytes({ peakBytes }: TrainingPlan): number {
  return peakBytes - kernelScratchBytes;
}

const anyRun: fc.Arbitrary<Run> = fc
  .record({
    positionEmbeddingType: fc.constantFrom<PositionEmbeddingType>('rope', 'alibi', 'learned', 'none'),
    initialStateWindow: fc.integer({ min: 1, max: 3 }),
    layers: fc.integer({ min: 1, max: 3 }),
    hiddenSize: fc.constantFrom(8, 24),
    vocabSize: fc.constantFrom(7, 61),
    tieWordEmbeddings: fc.boolean(),
    queryKeyNorm: fc.boolean(),
    biased: fc.boolean(),
    lastSelf: fc.boolean(),
    batch: fc.integer({ min: 1, max: 3 }),
    length: fc.integer({ min: 1, max: 30 }),
    share: fc.double({ min: 0.01, max: 1, noNaN: true }),
    accumulate: fc.integer({ min: 1, max: 2 }),
    documents: fc.constantFrom<'separate' | 'joined'>('separate', 'joined'),
    context: fc.constantFrom<'dense' | 'tables' | 'auto'>('dense', 'tables', 'auto'),
    checkpointing: fc.constantFrom<Checkpointing>('none', 'layers', 'auto'),
  })
  .map((drawn) => {
    const { layers, lastSelf, biased, batch, length, share, accumulate, documents, checkpointing, ...sizes } = drawn;
    const { context, ...others } = sizes;
    const attentionTypes = Array.from({ length: layers }, (_, layer) =>
      lastSelf && context !== 'tables' && layer === layers - 1 ? ('self' as const) : ('inattention' as const),
    );
    const config = smallConfig({
      ...others,
      numHiddenLayers: layers,
      attentionTypes,
      ...(biased && { attentionBias: 'qkvo' }),
    });
    const positions = Math.max(1, Math.round(share * length));
    return { config, options: { batch, length, positions, accumulate, documents, context, checkpointing } };
  });

/** Texts of the sizes of a run, with anything in them. */
function anyBatches({ config, options }: Run, seed: number): Batch[] {
  const { batch, length, positions, accumulate } = options;
  const random = Random.seeded(seed);
  return Array.from({ length: accumulate }, (_, number) => ({
    texts: Array.from({ length: batch }, (_, place) => {
      const key = seed + 10 * number + place;
      const chosen = positions === length ? undefined : [...samplePositions(length, positions, key)];
      const start = Math.floor(random.uniform() * length);
      // A document's first id, which nobody foresees, is no position that counts.
      const starts = start > 0 && !(chosen ?? []).includes(start - 1) ? [start] : [];
      return text(seededTokens(key, length + 1, config.vocabSize), chosen, length > 2 ? starts : []);
    }),
  }));
}

/** The batches that a plan is made for: as many ids as there can be, losses at the ends, or of all positions but one. */
function heaviest({ config, options }: Run): Batch[][] {
  const { batch, length, positions, accumulate } = options;
  const last = Array.from({ length: positions }, (_, place) => length - positions + place);
  const texts = Array.from({ length: batch }, (_, number) => {
    const tokens = Array.from({ length: length + 1 }, (_, place) => (number * length + place) % config.vocabSize);
    return text(tokens, positions === length ? undefined : last);
  });
  const [first, ...others] = texts as [TrainingText, ...TrainingText[]];
  const but = { ...first, positions: Int32Array.from(last.slice(0, -1)) };
  const all = Array<Batch>(accumulate).fill({ texts });
  return positions === length && batch * length > 1
    ? [all, Array<Batch>(accumulate).fill({ texts: [but, ...others] })]
    : [all];
}

/** The most that any of these batches takes. */
async function highestPeak(backend: Backend, run: Run): Promise<number> {
  let highest = 0;
  for (const batches of heaviest(run)) highest = Math.max(highest, await peakOf(backend, run, batches));
  return highest;
}

describe('planTraining', () => {
  it('is never exceeded, whatever the texts: without fused operations, to the byte', async () => {
    await fc.assert(
      fc.asyncProperty(anyRun, fc.nat(1000), async (run, seed) => {
        const backend = createHostBackend();
        const plan = await planTraining(run.config, { ...run.options, backend });
        expect(await peakOf(backend, run, anyBatches(run, seed))).toBeLessThanOrEqual(countedBytes(plan));
        const slack =
          plan.context === 'tables' && run.options.documents === 'separate'
            ? 4 * run.options.batch * run.options.length * (2 * run.config.initialStateWindow + 1)
            : 0;
        const highest = await highestPeak(backend, run);
        if (run.options.documents === 'separate') expect(highest).toBe(countedBytes(plan) - slack);
        else expect(highest).toBeGreaterThanOrEqual(countedBytes(plan));
      }),
      { numRuns: 25 },
    );
  }, 120_000);

  it('is never exceeded on the CPU backend, whose kernels take scratch of their own', async () => {
    await fc.assert(
      fc.asyncProperty(anyRun, fc.nat(1000), async (run, seed) => {
        const plan = await planTraining(run.config, { ...run.options, backend: cpu });
        expect(await peakOf(cpu, run, anyBatches(run, seed))).toBeLessThanOrEqual(plan.peakBytes);
        expect(await highestPeak(cpu, run)).toBeGreaterThanOrEqual(countedBytes(plan) - 2 ** 13);
      }),
      { numRuns: 60 },
    );
  }, 120_000);

  const config = smallConfig({
    hiddenSize: 64,
    intermediateSize: 256,
    numHiddenLayers: 4,
    attentionTypes: Array(4).fill('inattention'),
  });

  it('says what the bytes are for', async () => {
    const plan = await planTraining(config, { batch: 2, length: 64, backend: cpu });
    using model = createModel(config, cpu);
    expect(plan).toMatchObject({ context: 'dense', checkpointedLayers: 0, fits: true });
    expect(plan.bytes.optimizer).toBe(2 * 4 * model.parameters);
    expect(plan.bytes.weights).toBeGreaterThanOrEqual(4 * model.parameters);
    expect(plan.bytes.activations).toBeGreaterThan(4 * 4 * 128 * 64);
    expect(Object.values(plan.bytes).reduce((sum, bytes) => sum + bytes, 0)).toBe(countedBytes(plan));
  });

  it('computes again as few layers as fit the budget', async () => {
    const at = (memoryBudget: number, more: { checkpointing?: Checkpointing } = {}) =>
      planTraining(config, { batch: 8, length: 256, context: 'dense', memoryBudget, ...more });
    const all = await at(2 ** 40);
    const least = await at(1);
    expect([all.checkpointedLayers, all.fits]).toEqual([0, true]);
    expect([least.checkpointedLayers, least.fits]).toEqual([4, false]);
    expect(least.peakBytes).toBeLessThan(all.peakBytes);
    const some = await at(all.peakBytes - 1);
    expect(some.fits).toBe(true);
    expect(some.checkpointedLayers).toBeGreaterThan(0);
    expect(some.checkpointedLayers).toBeLessThan(4);
    expect(await at(least.peakBytes)).toMatchObject({ fits: true, peakBytes: least.peakBytes });
    expect((await at(all.peakBytes - 1, { checkpointing: 'none' })).fits).toBe(false);
    expect(await at(2 ** 40, { checkpointing: 'layers' })).toMatchObject({ checkpointedLayers: 4, fits: true });
  });

  it('keeps keys and values by id where that is less, or where only that fits', async () => {
    const sizes = { batch: 1, length: 4096, positions: 16 };
    const tables = await planTraining(config, sizes);
    expect(tables.context).toBe('tables');
    const dense = await planTraining(config, { ...sizes, context: 'dense' });
    expect(countedBytes(tables)).toBeLessThan(countedBytes(dense) / 2);
    const attentionTypes = Array<'inattention'>(12).fill('inattention');
    const wide = { ...config, vocabSize: 2500, numHiddenLayers: 12, attentionTypes };
    const less = await planTraining(wide, sizes);
    expect(less.context).toBe('dense');
    const none = { checkpointing: 'none', memoryBudget: less.peakBytes - 1 } as const;
    expect(await planTraining(wide, { ...sizes, ...none })).toMatchObject({ context: 'tables', fits: true });
    expect((await planTraining(config, { batch: 1, length: 64 })).context).toBe('dense');
  });

  it('refuses sizes that cannot be', async () => {
    for (const wrong of [{ batch: 0 }, { length: 0.5 }, { positions: 0 }, { distinct: 62 }, { memoryBudget: -1 }]) {
      await expect(planTraining(config, { batch: 1, length: 8, ...wrong })).rejects.toThrow(InvalidArgumentError);
    }
    const self = { ...config, attentionTypes: ['self', 'self', 'self', 'self'] as const };
    await expect(planTraining(self, { batch: 1, length: 8, context: 'tables' })).rejects.toThrow(UnsupportedError);
  });
});

describe('a run with a budget', () => {
  const batch: Batch = { texts: [text(seededTokens(1, 65)), text(seededTokens(2, 65))] };

  it('is refused before anything is computed when it does not fit', async () => {
    using model = createModel(smallConfig(), cpu, { seed: 1 });
    using trainer = new Trainer(model, { schedule, memoryBudget: kernelScratchBytes });
    cpu.ledger.resetPeak();
    const before = cpu.ledger.snapshot();
    await expect(trainer.step([batch])).rejects.toThrow(BudgetExceededError);
    await expect(trainer.step([batch])).rejects.toThrow(/2 texts of 64 positions.*at most 16777216 bytes/s);
    expect(cpu.ledger.snapshot()).toEqual(before);
    expect(() => new Trainer(model, { schedule, memoryBudget: 0 })).toThrow(InvalidArgumentError);
  });

  it('of a backend with little memory, goes on where the steps themselves fit', async () => {
    const { peakBytes } = await planTraining(smallConfig(), { batch: 2, length: 64, backend: cpu });
    const small = await createCpuBackend({ threads: 1, maxBytes: 2 * (peakBytes - kernelScratchBytes) + 2 ** 21 });
    using model = createModel(smallConfig(), small, { seed: 1 });
    using trainer = new Trainer(model, { schedule });
    expect((await trainer.step([batch])).loss).toBeGreaterThan(0);
    const long: Batch = { texts: [text(seededTokens(1, 40_001))] };
    await expect(trainer.step([long])).rejects.toThrow(BudgetExceededError);
    small.dispose();
  });

  it('gives the same bits however much is computed again', async () => {
    const losses = async (memoryBudget: number, checkpointing: Checkpointing) => {
      using model = createModel(smallConfig(), cpu, { seed: 1 });
      using trainer = new Trainer(model, { schedule, context: 'dense', memoryBudget, checkpointing });
      const found: number[] = [];
      for (let step = 0; step < 3; step += 1) found.push((await trainer.step([batch])).loss);
      return found;
    };
    const { peakBytes } = await planTraining(smallConfig(), { batch: 2, length: 64, backend: cpu });
    const all = await losses(2 ** 40, 'none');
    expect(await losses(2 ** 40, 'layers')).toEqual(all);
    expect(await losses(peakBytes - 1, 'auto')).toEqual(all);
    await expect(losses(peakBytes - 1, 'none')).rejects.toThrow(BudgetExceededError);
  });
});
