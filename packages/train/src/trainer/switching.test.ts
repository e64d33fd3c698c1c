import { InvalidArgumentError, InvalidFileError } from '@inattention/core';
import { createCpuBackend } from '@inattention/cpu';
import { createByteTokenizer } from '@inattention/formats';
import { createModel, type Model } from '@inattention/model';
import { afterAll, describe, expect, it } from 'vitest';
import { madeUpSource } from '../../test/made-up-source.ts';
import { memoryStore } from '../../test/memory-store.ts';
import { smallConfig } from '../../test/small-model.ts';
import type { TrainedPart } from '../step/trained-parameters.ts';
import { deriveModel } from '../switching/derive-model.ts';
import type { SavedTraining } from './saved-training.ts';
import { type TrainingEvent, type TrainOptions, train } from './train.ts';
import { Trainer } from './trainer.ts';

const backend = await createCpuBackend({ threads: 2 });
afterAll(() => backend.dispose());

const original = smallConfig({
  numHiddenLayers: 3,
  attentionTypes: ['self', 'self', 'self'],
  initialStateWindow: 1,
});
const schedule = { kind: 'constant', peak: 0.003 } as const;
const switching = { layers: [2, 1], every: 4 };
const makeTeacher = () => createModel(original, backend, { seed: 5, deviation: 0.2 });
const studentOf = (teacher: Model, trained: TrainedPart = 'switched') =>
  deriveModel(teacher, original, { copied: (name) => trained === 'all' || /\.layers\.[12]\./.test(name) });
const distillation = { temperature: 2, weight: 0.9 };

async function run(options: Partial<TrainOptions> & { model: Model }): Promise<TrainingEvent[]> {
  const events: TrainingEvent[] = [];
  const settings = { data: madeUpSource(), steps: 10, schedule, switching, trained: 'switched' } as const;
  for await (const event of train({ ...settings, ...options })) events.push(event);
  return events;
}

const losses = (events: readonly TrainingEvent[]) => events.map(({ loss }) => loss);

describe('a run that switches layers', () => {
  it.each<TrainedPart>(['switched', 'all'])('heals each before the next, and goes on exactly: %s', async (trained) => {
    using teacher = makeTeacher();
    using model = await studentOf(teacher, trained);
    const store = memoryStore();
    const checkpoints = { store, every: 1 };
    const whole = await run({ model, teacher, distillation, trained, checkpoints });
    expect(whole.flatMap(({ step, switched }) => (switched === undefined ? [] : [[step, switched]]))).toEqual([
      [1, 2],
      [5, 1],
    ]);
    expect(whole[3]?.loss).toBeLessThan(whole[0]?.loss as number);
    expect(whole[4]?.loss).toBeGreaterThan(whole[3]?.loss as number);
    expect(whole[9]?.loss).toBeLessThan(whole[4]?.loss as number);
    const types = store.runs.map(({ config }) => config.attentionTypes.join());
    expect(types).toEqual([
      ...Array(4).fill('self,self,inattention'),
      ...Array(6).fill('self,inattention,inattention'),
    ]);
    for (const saved of [1, 3, 4, 7].map((place) => store.runs[place] as SavedTraining)) {
      using again = await studentOf(teacher, trained);
      const settings = { model: again, teacher, resume: saved, data: madeUpSource() };
      const events = await run({ ...settings, ...saved.progress.settings });
      expect(losses(events)).toEqual(losses(whole.slice(saved.progress.step)));
    }
    expect(store.runs[0]?.progress).toMatchObject({
      settings: { switching, trained, distillation },
      teacher: await teacher.fingerprint(),
    });
  });

  it('changes only what is switched, and never the teacher', async () => {
    using teacher = makeTeacher();
    using model = await studentOf(teacher);
    const read = async (of: Model) =>
      Promise.all(of.weights.layers.map(async ({ query }) => (await query.readFloat32()).slice()));
    const before = await read(teacher);
    await run({ model, teacher, distillation, steps: 4 });
    expect(await read(teacher)).toEqual(before);
    const after = await read(model);
    expect(after.map((numbers, layer) => numbers.every((value, i) => value === before[layer]?.[i]))).toEqual([
      true,
      true,
      false,
    ]);
  });

  it('gives a layer that is switched later the first steps of AdamW that it would have had alone', async () => {
    // Three steps before it nothing moves: at a rate of 0. What follows is then the same as at the start.
    const change = async (options: Partial<TrainOptions>) => {
      using model = makeTeacher();
      const key = (model.weights.layers[1] as Model['weights']['layers'][0]).key;
      const before = (await key.readFloat32()).slice();
      const data = madeUpSource();
      await run({ model, steps: 1, data, optimizer: { weightDecay: 0 }, clipNorm: null, ...options });
      return Math.max(...(await key.readFloat32()).map((value, i) => Math.abs(value - (before[i] as number))));
    };
    const first = await change({ switching: { layers: [1], every: 1 } });
    const later = await change({ switching: { layers: [2, 1], every: 1 }, steps: 2 });
    expect(first).toBeCloseTo(schedule.peak, 5);
    expect(later).toBeCloseTo(schedule.peak, 5);
  });

  it('validates with the layers that are switched', async () => {
    using model = makeTeacher();
    using trainer = new Trainer(model, { schedule: { kind: 'constant', peak: 0 }, switching });
    const batch = async () => [await madeUpSource().next()].filter((one) => one !== null);
    const evaluate = () => trainer.evaluate(madeUpSource({ count: 1 }));
    const found: number[] = [];
    for (let step = 0; step < 5; step += 1) {
      await trainer.step(await batch());
      found.push((await evaluate()).loss);
    }
    expect(new Set(found.slice(0, 4)).size).toBe(1);
    expect(found[4]).not.toBe(found[3]);
  });
});

it('refuses schedules and teachers that do not fit', async () => {
  using teacher = makeTeacher();
  using model = await studentOf(teacher);
  const trainer =
    (settings: object, own: Model | null = null) =>
    () =>
      new Trainer(model, { schedule, ...settings }, own);
  for (const layers of [[], [3], [-1], [1, 1], [0.5]]) {
    expect(trainer({ switching: { layers, every: 1 } })).toThrow(InvalidArgumentError);
  }
  expect(trainer({ switching: { layers: [1], every: 0 } })).toThrow(/every counts steps/);
  expect(trainer({ distillation })).toThrow(/settings without a teacher/);
  expect(trainer({}, teacher)).toThrow(/a teacher without settings/);
  expect(trainer({ distillation }, teacher)).toThrow(/teacher would change with the student.*embed_tokens/s);
  expect(trainer({ distillation: { weight: 3 } }, teacher)).toThrow(InvalidArgumentError);
  expect(trainer({ trained: 'switched' })).toThrow(/nothing to train/);
  using switched = createModel({ ...original, attentionTypes: ['self', 'inattention', 'self'] }, backend);
  expect(() => new Trainer(switched, { schedule, switching })).toThrow(/switched already/);
});

it('takes a teacher whose tokenizer is another file of the same ids, and no other', async () => {
  const tokenizer = createByteTokenizer();
  const same = { ...tokenizer, fingerprint: 'another file', decode: (ids: Iterable<number>) => tokenizer.decode(ids) };
  const shifted = { ...same, decode: (ids: Iterable<number>) => tokenizer.decode([...ids].map((id) => id + 1)) };
  using model = createModel(original, backend, { tokenizer });
  using taught = createModel(original, backend, { tokenizer: same });
  using other = createModel(original, backend, { tokenizer: shifted });
  new Trainer(model, { schedule, distillation }, taught).dispose();
  expect(() => new Trainer(model, { schedule, distillation }, other)).toThrow(/another tokenizer.*for id 0/s);
});

it('refuses to go on with another teacher, or other layers', async () => {
  using teacher = makeTeacher();
  using model = await studentOf(teacher);
  const store = memoryStore();
  const settings = { distillation, checkpoints: { store, every: 5 } };
  await run({ model, teacher, ...settings, steps: 5 });
  const resume = store.runs[0] as SavedTraining;
  using other = createModel(original, backend, { seed: 6, deviation: 0.2 });
  using student = await studentOf(other);
  await expect(run({ model: student, teacher: other, ...settings, resume })).rejects.toThrow(/another teacher/);
  const later = { layers: [2, 1], every: 5 };
  await expect(run({ model, teacher, ...settings, switching: later, resume })).rejects.toThrow(InvalidFileError);
});
