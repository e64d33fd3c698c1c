import { type Backend, InvalidArgumentError } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { createHostBackend } from '@inattention/core/testing';
import { createCpuBackend } from '@inattention/cpu';
import { createModel, type Model } from '@inattention/model';
import fc from 'fast-check';
import { afterAll, describe, expect, it } from 'vitest';
import { text } from '../../test/gradient-numbers.ts';
import { smallConfig } from '../../test/small-model.ts';
import type { Batch } from '../data/batch-source.ts';
import { isTrained, type TrainedPart } from '../step/trained-parameters.ts';
import { deriveModel } from '../switching/derive-model.ts';
import { switchedTypes } from '../switching/switching.ts';
import { Trainer } from '../trainer/trainer.ts';
import { planTraining, type TrainingPlanOptions } from './plan-training.ts';

const cpu = await createCpuBackend({ threads: 2 });
afterAll(() => cpu.dispose());

interface Run {
  readonly teacher: ModelConfig;
  readonly config: ModelConfig;
  readonly shared: boolean;
  readonly trained: TrainedPart;
  readonly weight: number;
  readonly temperature: number;
  readonly sizes: Pick<TrainingPlanOptions, 'batch' | 'length' | 'accumulate'> & { readonly positions: number };
  readonly checkpointing: 'layers' | 'none';
}

/** The ledger's peak over a step for each layer that is switched. */
async function peakOf(backend: Backend, run: Run): Promise<number> {
  const { teacher: original, config, shared, trained, weight, temperature, checkpointing, sizes } = run;
  const { batch, length, positions, accumulate = 1 } = sizes;
  backend.ledger.resetPeak();
  const before = backend.ledger.snapshot().liveTotal;
  using teacher = createModel(original, backend, { seed: 1, deviation: 0.2 });
  const switching = { layers: [1, 2], every: 1 };
  const last = { ...config, attentionTypes: switchedTypes(config.attentionTypes, switching) };
  using student: Model = shared
    ? await deriveModel(teacher, config, { copied: (name) => isTrained(name, last, trained) })
    : createModel(config, backend, { seed: 2, deviation: 0.2 });
  const distillation = { weight, temperature };
  const schedule = { kind: 'constant', peak: 0.001 } as const;
  const settings = { schedule, distillation, trained, switching, checkpointing, documents: 'joined' } as const;
  using trainer = new Trainer(student, settings, teacher);
  const tokens = Array.from({ length: length + 1 }, (_, place) => place % config.vocabSize);
  const ends = Array.from({ length: positions }, (_, place) => length - positions + place);
  const texts = Array.from({ length: batch }, () => text(tokens, positions === length ? undefined : ends));
  const batches = Array<Batch>(accumulate).fill({ texts });
  for (const layer of switching.layers) expect((await trainer.step(batches)).switched).toBe(layer);
  const ended = [batches[0] as Batch, null];
  await trainer.evaluate({ next: async () => ended.shift() ?? null, cursor: () => ({}), seek: () => undefined });
  return backend.ledger.snapshot().peakLive - before;
}

/** The most that the plans of both stages say. */
async function planned(backend: Backend, { teacher, config, shared, sizes, ...others }: Run) {
  const { trained, weight, temperature, checkpointing } = others;
  const plans = [1, 2].map((count) => {
    const attentionTypes = switchedTypes(config.attentionTypes, { layers: [1, 2] }, count);
    return planTraining(
      { ...config, attentionTypes },
      {
        ...{ ...sizes, documents: 'joined', backend, trained, checkpointing },
        switching: { layers: [1, 2], every: 1 },
        distillation: { teacher, shared, weight, temperature },
      },
    );
  });
  const [first, second] = (await Promise.all(plans)) as [Awaited<(typeof plans)[0]>, Awaited<(typeof plans)[0]>];
  return first.peakBytes > second.peakBytes ? first : second;
}

const anyRun: fc.Arbitrary<Run> = fc
  .record({
    hiddenSize: fc.constantFrom(8, 24),
    vocabSize: fc.constantFrom(7, 61),
    tieWordEmbeddings: fc.boolean(),
    positionEmbeddingType: fc.constantFrom('rope' as const, 'alibi' as const, 'none' as const),
    shared: fc.boolean(),
    window: fc.integer({ min: 1, max: 3 }),
    trained: fc.constantFrom<TrainedPart>('all', 'switched'),
    weight: fc.constantFrom(1, 0.4),
    temperature: fc.constantFrom(1, 2),
    batch: fc.integer({ min: 1, max: 2 }),
    length: fc.integer({ min: 1, max: 24 }),
    share: fc.double({ min: 0.01, max: 1, noNaN: true }),
    accumulate: fc.integer({ min: 1, max: 2 }),
    checkpointing: fc.constantFrom('layers' as const, 'none' as const),
  })
  .map(
    ({ shared, window, trained, weight, temperature, batch, length, share, accumulate, checkpointing, ...sizes }) => {
      const attentionTypes = ['self', 'self', 'self'] as const;
      const teacher = smallConfig({ ...sizes, numHiddenLayers: 3, attentionTypes, initialStateWindow: 1 });
      const positions = Math.max(1, Math.round(share * length));
      return {
        ...{ teacher, config: { ...teacher, initialStateWindow: window }, shared, trained, weight, temperature },
        ...{ checkpointing, sizes: { batch, length, accumulate, positions } },
      };
    },
  );

describe('the plan of a run of distillation', () => {
  it('is its peak, to the byte, without fused operations', async () => {
    await fc.assert(
      fc.asyncProperty(anyRun, async (run) => {
        const backend = createHostBackend();
        const { peakBytes, kernelScratchBytes } = await planned(backend, run);
        expect(await peakOf(backend, run)).toBe(peakBytes - kernelScratchBytes);
      }),
      { numRuns: 12 },
    );
  }, 120_000);

  it('is not exceeded on the CPU backend', async () => {
    await fc.assert(
      fc.asyncProperty(anyRun, async (run) => {
        const { peakBytes, kernelScratchBytes } = await planned(cpu, run);
        const peak = await peakOf(cpu, run);
        expect(peak).toBeLessThanOrEqual(peakBytes);
        expect(peak).toBeGreaterThanOrEqual(peakBytes - kernelScratchBytes - 2 ** 13);
      }),
      { numRuns: 15 },
    );
  }, 120_000);

  it('has no moments or gradients of what is not trained, and a shared teacher once', async () => {
    const attentionTypes = ['self', 'inattention', 'self', 'self'] as const;
    const config = smallConfig({ numHiddenLayers: 4, attentionTypes, initialStateWindow: 1 });
    const sizes = { batch: 1, length: 8, trained: 'switched' } as const;
    const shared = await planTraining(config, { ...sizes, distillation: { teacher: config, shared: true } });
    const apart = await planTraining(config, { ...sizes, distillation: { teacher: config } });
    const layer = 4 * (2 * 24 * 24 + 2 * 24 * 12 + 3 * 24 * 40 + 2 * 24);
    expect(shared.bytes.optimizer).toBe(2 * layer);
    expect(apart.bytes.weights - shared.bytes.weights).toBe(4 * (61 * 24 + 24) + 3 * layer);
    const wrong = { ...sizes, distillation: { teacher: config, weight: 2 } };
    await expect(planTraining(config, wrong)).rejects.toThrow(InvalidArgumentError);
    const other = { ...sizes, distillation: { teacher: { ...config, vocabSize: 60 } } };
    await expect(planTraining(config, other)).rejects.toThrow(/another vocabulary/);
  });
});
