import { AbortedError, InvalidArgumentError, NonFiniteError } from '@inattention/core';
import { createCpuBackend } from '@inattention/cpu';
import { createModel, type Model } from '@inattention/model';
import { afterAll, describe, expect, it } from 'vitest';
import { madeUpSource } from '../../test/made-up-source.ts';
import { memoryStore } from '../../test/memory-store.ts';
import { smallConfig } from '../../test/small-model.ts';
import type { BatchSource } from '../data/batch-source.ts';
import type { SavedTraining } from './saved-training.ts';
import { type TrainingEvent, type TrainOptions, train } from './train.ts';

const backend = await createCpuBackend({ threads: 2 });
afterAll(() => backend.dispose());

const newModel = (seed = 7) => createModel(smallConfig(), backend, { seed });
const schedule = { kind: 'cosine', peak: 0.01, steps: 40, warmupSteps: 5 } as const;

async function run(options: Partial<TrainOptions> & { model: Model }): Promise<TrainingEvent[]> {
  const events: TrainingEvent[] = [];
  for await (const event of train({ data: madeUpSource(), steps: 40, schedule, ...options })) events.push(event);
  return events;
}

const losses = (events: readonly TrainingEvent[]) => events.map(({ loss }) => loss);

describe('a run', () => {
  it('learns, and two runs give the same bits', async () => {
    using a = newModel();
    using b = newModel();
    const first = await run({ model: a });
    expect(first.map(({ step }) => step)).toEqual(Array.from({ length: 40 }, (_, i) => i + 1));
    expect(first[0]?.loss).toBeCloseTo(Math.log(61), 0);
    expect(first.at(-1)?.loss).toBeLessThan(2.9);
    expect(first[4]?.learningRate).toBe(0.01);
    expect(first[0]?.tokens).toBe(96);
    expect(losses(await run({ model: b }))).toEqual(losses(first));
    expect(await b.weights.embedding.readFloat32()).toEqual(await a.weights.embedding.readFloat32());
    using c = newModel(8);
    expect(losses(await run({ model: c, steps: 1 }))).not.toEqual(losses(first.slice(0, 1)));
  });

  it('goes on from a step as if it had never stopped', async () => {
    using whole = newModel();
    const expected = await run({ model: whole });
    using first = newModel();
    const store = memoryStore();
    await run({ model: first, steps: 20, checkpoints: { store, every: 8 } });
    expect(store.runs.map(({ progress }) => progress.step)).toEqual([8, 16, 20]);
    const resume = store.runs[2] as SavedTraining;
    using second = newModel(99); // other weights, all to be replaced
    const data = madeUpSource();
    expect(losses(await run({ model: second, data, resume }))).toEqual(losses(expected.slice(20)));
    using third = newModel(98);
    const early = store.runs[0] as SavedTraining;
    expect(losses(await run({ model: third, resume: early, steps: 12 }))).toEqual(losses(expected.slice(8, 12)));
  });

  it('adds up batches as one batch of all their texts', async () => {
    using a = newModel();
    using b = newModel();
    const accumulated = await run({ model: a, steps: 3, accumulate: 2 });
    const whole = await run({ model: b, steps: 3, data: madeUpSource({ texts: 8 }) });
    accumulated.forEach(({ loss, gradientNorm, tokens }, step) => {
      expect(loss).toBeCloseTo(whole[step]?.loss as number, 4);
      expect(gradientNorm).toBeCloseTo(whole[step]?.gradientNorm as number, 4);
      expect(tokens).toBe(192);
    });
  });

  it('evaluates on the same batches each time, and is not changed by it', async () => {
    using a = newModel();
    using b = newModel();
    const source = madeUpSource({ seed: 5, count: 3 });
    const measured = await run({ model: a, evaluation: { source, every: 15 } });
    expect(measured.filter(({ validation }) => validation !== undefined).map(({ step }) => step)).toEqual([15, 30, 40]);
    expect(losses(measured)).toEqual(losses(await run({ model: b })));
    const [at15, at30, at40] = measured.flatMap(({ validation }) => validation ?? []);
    expect([at15, at30, at40].map((evaluation) => evaluation?.lossTerms)).toEqual([288, 288, 288]);
    expect(at40?.loss).toBeLessThan(at15?.loss as number);
    using again = newModel();
    const events = await run({ model: again, evaluation: { source, every: 40, batches: 1 } });
    expect(events[39]?.validation?.lossTerms).toBe(96);
  });

  it('tells observers before the consumer, and stops with it', async () => {
    using model = newModel();
    const before = backend.ledger.snapshot().live;
    const seen: number[] = [];
    const observers = [async ({ step }: TrainingEvent) => void seen.push(step)];
    for await (const { step } of train({ model, data: madeUpSource(), steps: 40, schedule, observers })) {
      expect(seen.at(-1)).toBe(step);
      if (step === 3) break;
    }
    expect(seen).toEqual([1, 2, 3]);
    expect(backend.ledger.snapshot().live).toEqual(before);
  });

  it('ends with the data, and keeps what was done', async () => {
    using model = newModel();
    const store = memoryStore();
    const events = await run({
      model,
      data: madeUpSource({ count: 5 }),
      accumulate: 2,
      checkpoints: { store, every: 2 },
    });
    expect(events.map(({ tokens }) => tokens)).toEqual([192, 192, 96]);
    expect(store.runs.map(({ progress }) => progress.step)).toEqual([2, 3]);
  });

  it('shows its sessions the new weights', async () => {
    using model = createModel(smallConfig(), backend, { seed: 7, deviation: 0.2 });
    const session = model.createSession();
    await session.append([1, 2, 3]);
    const logits = async () => Array.from(await session.nextLogits());
    const before = await logits();
    await run({ model, steps: 2 });
    expect(await logits()).not.toEqual(before);
  });
});

describe('a run that is cancelled', () => {
  it('keeps what was done, from where it goes on exactly', async () => {
    using whole = newModel();
    const expected = losses(await run({ model: whole, steps: 12 }));
    using model = newModel();
    const store = memoryStore();
    const controller = new AbortController();
    const observers = [({ step }: TrainingEvent) => void (step === 6 && controller.abort())];
    const { signal } = controller;
    await expect(run({ model, signal, observers, checkpoints: { store, every: 100 } })).rejects.toThrow(AbortedError);
    expect(store.runs.map(({ progress }) => progress.step)).toEqual([6]);
    const resume = store.runs[0] as SavedTraining;
    expect(losses(await run({ model, resume, steps: 12 }))).toEqual(expected.slice(6));
  });
});

describe('a run that is cancelled while it evaluates', () => {
  it('keeps the step before, and the source stays where it was', async () => {
    using model = newModel();
    const store = memoryStore();
    const controller = new AbortController();
    const endless = madeUpSource({ seed: 5 });
    const source: BatchSource = {
      next: (signal) => {
        if (endless.cursor().batch === 3) controller.abort();
        return endless.next(signal);
      },
      cursor: () => endless.cursor(),
      seek: (cursor) => endless.seek(cursor),
    };
    const { signal } = controller;
    const evaluation = { source, every: 4 };
    await expect(run({ model, signal, evaluation, checkpoints: { store, every: 9 } })).rejects.toThrow(AbortedError);
    expect(store.runs.map(({ progress }) => progress.step)).toEqual([4]);
    expect(source.cursor().batch).toBe(0);
  });
});

describe('numbers that are not finite', () => {
  it('stop the run, by step and tensor; the model and what was kept stay', async () => {
    using model = newModel();
    const store = memoryStore();
    const { up } = model.weights.layers[1] as Model['weights']['layers'][number];
    const spoil = async ({ step }: TrainingEvent) => {
      if (step !== 5) return;
      const data = await up.readFloat32();
      data[17] = Number.NaN;
      up.write(data);
    };
    const failed = run({ model, observers: [spoil], checkpoints: { store, every: 2 } });
    await expect(failed).rejects.toThrow(NonFiniteError);
    await expect(failed).rejects.toThrow(/step 6.*model\.layers\.1\.mlp\.up_proj\.weight/);
    expect(store.runs.map(({ progress }) => progress.step)).toEqual([2, 4]);
  });

  it('are named by what overflowed when parameters are finite', async () => {
    using model = newModel();
    const gate = model.weights.layers[0]?.gate;
    gate?.write((await gate.readFloat32()).fill(3e38));
    const before = await model.weights.embedding.readFloat32();
    await expect(run({ model })).rejects.toThrow(/step 1: the (loss|gradient of)/);
    expect(await model.weights.embedding.readFloat32()).toEqual(before);
  });

  it('are not kept when a step has made them', async () => {
    using model = newModel();
    const store = memoryStore();
    const wild = { kind: 'constant', peak: 3e38 } as const;
    const failed = run({ model, schedule: wild, optimizer: { weightDecay: 3 }, checkpoints: { store, every: 1 } });
    await expect(failed).rejects.toThrow(NonFiniteError);
    expect(store.runs).toEqual([]);
  });
});

describe('what is refused before anything changes', () => {
  it.each<[string, Partial<TrainOptions>]>([
    ['no steps', { steps: 0 }],
    ['half a step', { steps: 1.5 }],
    ['data without a batch', { data: madeUpSource({ count: 0 }) }],
    ['a schedule that does not fit', { schedule: { kind: 'linear', peak: -1, steps: 3 } }],
    ['no accumulation', { accumulate: 0 }],
    ['a norm of 0', { clipNorm: 0 }],
    ['β₁ of 1', { optimizer: { beta1: 1 } }],
    ['evaluation never', { evaluation: { source: madeUpSource(), every: 0 } }],
  ])('%s', async (_, options) => {
    using model = newModel();
    const before = backend.ledger.snapshot().live;
    await expect(run({ model, ...options })).rejects.toThrow(InvalidArgumentError);
    expect(backend.ledger.snapshot().live).toEqual(before);
    expect(model.contextModel.version).toBe(0);
  });

  it('f16 weights', async () => {
    using model = createModel(smallConfig(), backend, { weightDType: 'f16' });
    await expect(run({ model })).rejects.toThrow(/f32/);
  });

  it('a run of another model, with model and data as before', async () => {
    using model = newModel();
    const store = memoryStore();
    await run({ model, steps: 2, checkpoints: { store, every: 2 } });
    using other = createModel(smallConfig({ intermediateSize: 48 }), backend);
    const before = await other.weights.embedding.readFloat32();
    const data = madeUpSource();
    await expect(run({ model: other, data, resume: store.runs[0] as SavedTraining })).rejects.toThrow(/another model/);
    expect(await other.weights.embedding.readFloat32()).toEqual(before);
    expect(data.cursor()).toEqual(madeUpSource().cursor());
  });
});
