import {
  existsSync,
  mkdirSync,
  mkdtempSync,
  readdirSync,
  readFileSync,
  renameSync,
  rmSync,
  writeFileSync,
} from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { InvalidArgumentError, InvalidFileError, NonFiniteError } from '@inattention/core';
import { createCpuBackend } from '@inattention/cpu';
import { openDirectory } from '@inattention/formats/node';
import { createModel, loadModel, type Model } from '@inattention/model';
import { afterAll, afterEach, beforeEach, describe, expect, it, vi } from 'vitest';
import { madeUpSource } from '../../test/made-up-source.ts';
import { smallConfig } from '../../test/small-model.ts';
import type { CheckpointStore } from '../trainer/saved-training.ts';
import { type TrainingEvent, type TrainOptions, train } from '../trainer/train.ts';
import { openCheckpoint, readProgress } from './checkpoint-folders.ts';
import { bestCheckpoint, createCheckpointStore, latestCheckpoint, listCheckpoints } from './checkpoints.ts';
import { writeModelFolder } from './model-folder.ts';

/** Bytes that may still be written before the disk is full. */
const disk = vi.hoisted(() => ({ room: Number.POSITIVE_INFINITY }));
vi.mock('node:fs/promises', async (original) => {
  const files = await original<typeof import('node:fs/promises')>();
  const open: typeof files.open = async (...args) => {
    const handle = await files.open(...args);
    const write = handle.write.bind(handle) as (bytes: Uint8Array, ...rest: number[]) => Promise<unknown>;
    const limited = (bytes: Uint8Array, ...rest: number[]) => {
      disk.room -= bytes.length;
      if (disk.room < 0) return Promise.reject(new Error('ENOSPC: no space left on device, write'));
      return write(bytes, ...rest);
    };
    return Object.assign(handle, { write: limited });
  };
  return { ...files, open };
});

const backend = await createCpuBackend({ threads: 2 });
afterAll(() => backend.dispose());
let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'checkpoints-'));
});
afterEach(() => {
  disk.room = Number.POSITIVE_INFINITY;
  rmSync(folder, { recursive: true });
});

const schedule = { kind: 'linear', peak: 0.01, steps: 60, warmupSteps: 3 } as const;
const newModel = (seed = 7) => createModel(smallConfig(), backend, { seed });

async function losses(options: Partial<TrainOptions> & { model: Model }): Promise<number[]> {
  const found: number[] = [];
  const run = train({ data: madeUpSource(), steps: 40, schedule, ...options });
  for await (const { loss } of run) found.push(loss);
  return found;
}

const keeping = (every: number, store: CheckpointStore = createCheckpointStore(folder)) => ({
  checkpoints: { store, every },
});
const stepsKept = async () => (await listCheckpoints(folder)).map(({ step }) => step);

describe('a checkpoint', () => {
  it('goes on with the losses of a run that never stopped', async () => {
    using whole = newModel();
    const expected = await losses({ model: whole });
    using first = newModel();
    await losses({ model: first, steps: 20, ...keeping(7) });
    expect(await stepsKept()).toEqual([14, 20]);
    const { path = '' } = (await latestCheckpoint(folder)) ?? {};
    using second = await loadModel(await openDirectory(path), backend);
    const resume = await openCheckpoint(path);
    expect(resume.progress).toMatchObject({ step: 20, tokens: 1920, cursor: { seed: 1, batch: 20 } });
    expect(await losses({ model: second, resume, ...resume.progress.settings })).toEqual(expected.slice(20));
  });

  it('is a model folder with what belongs to the model', async () => {
    using model = newModel();
    const files = new Map([['notes.json', new TextEncoder().encode('{}')]]);
    await losses({ model, steps: 3, ...keeping(3, createCheckpointStore(folder, { files })) });
    const { path = '' } = (await latestCheckpoint(folder)) ?? {};
    expect(readdirSync(path).sort()).toEqual(
      ['config.json', 'model.safetensors', 'notes.json', 'optimizer.safetensors', 'training.json'].sort(),
    );
    using loaded = await loadModel(await openDirectory(path), backend);
    expect(await loaded.weights.norm.readFloat32()).toEqual(await model.weights.norm.readFloat32());
  });

  it('stays, with the best, when later ones come', async () => {
    using model = newModel();
    const store = createCheckpointStore(folder, { keep: 2 });
    const measured = [3, 1, 2, Number.NaN, 4];
    const events: TrainingEvent[] = [];
    const recorded: CheckpointStore = {
      save: (run) => {
        const validationLoss = measured[run.progress.step - 1] as number;
        const progress = { ...run.progress, validationLoss: Number.isNaN(validationLoss) ? null : validationLoss };
        return store.save({ ...run, progress });
      },
    };
    for await (const event of train({ model, data: madeUpSource(), steps: 5, schedule, ...keeping(1, recorded) })) {
      events.push(event);
    }
    expect(await stepsKept()).toEqual([2, 4, 5]);
    expect((await bestCheckpoint(folder))?.step).toBe(2);
    expect(events[4]?.checkpoint).toBe(join(folder, 'step-00000005'));
    expect(readdirSync(folder)).toHaveLength(3);
  });

  it('replaces one of the same step', async () => {
    using model = newModel();
    await losses({ model, steps: 4, ...keeping(2) });
    using other = newModel(8);
    await losses({ model: other, steps: 4, ...keeping(4) });
    const { path = '' } = (await latestCheckpoint(folder)) ?? {};
    using loaded = await loadModel(await openDirectory(path), backend);
    expect(await loaded.weights.embedding.readFloat32()).toEqual(await other.weights.embedding.readFloat32());
    expect(readdirSync(folder).sort()).toEqual(['step-00000002', 'step-00000004']);
  });
});

describe('a disk that is full', () => {
  it.each([50, 20_000, 60_000, 110_000])(
    'after %d bytes leaves the last checkpoint, from which it goes on',
    async (room) => {
      using whole = newModel();
      const expected = await losses({ model: whole, steps: 12 });
      using model = newModel();
      const fill = ({ step }: TrainingEvent) => {
        if (step === 6) disk.room = room;
      };
      const observers = [fill];
      await expect(losses({ model, observers, ...keeping(3) })).rejects.toThrow(InvalidFileError);
      expect(readdirSync(folder).sort()).toEqual(['step-00000003', 'step-00000006']);
      disk.room = Number.POSITIVE_INFINITY;
      const resume = await openCheckpoint((await latestCheckpoint(folder))?.path ?? '');
      expect(await losses({ model, resume, steps: 12, ...keeping(3) })).toEqual(expected.slice(6));
    },
  );

  it('leaves the one it was about to replace', async () => {
    using model = newModel();
    await losses({ model, steps: 4, ...keeping(4) });
    disk.room = 20_000;
    using other = newModel(8);
    await expect(losses({ model: other, steps: 4, ...keeping(4) })).rejects.toThrow(/ENOSPC/);
    using loaded = await loadModel(await openDirectory(join(folder, 'step-00000004')), backend);
    expect(await loaded.weights.embedding.readFloat32()).toEqual(await model.weights.embedding.readFloat32());
  });
});

describe('what a killed run leaves', () => {
  it('is no checkpoint, and is cleared away by the next', async () => {
    using model = newModel();
    await losses({ model, steps: 4, ...keeping(2) });
    mkdirSync(join(folder, '.step-00000006.partial'));
    writeFileSync(join(folder, '.step-00000006.partial', 'training.json'), '{');
    renameSync(join(folder, 'step-00000004'), join(folder, '.step-00000004.superseded')); // killed while replacing
    expect(await latestCheckpoint(folder)).toEqual({ step: 4, path: join(folder, '.step-00000004.superseded') });
    using again = newModel();
    await losses({ model: again, steps: 5, ...keeping(5) });
    expect(readdirSync(folder).sort()).toEqual(['step-00000004', 'step-00000005']);
  });
});

describe('what is no checkpoint', () => {
  it('is not kept: numbers that are not finite', async () => {
    using model = newModel();
    const wild = { kind: 'constant', peak: 3e38 } as const;
    const failed = losses({ model, schedule: wild, optimizer: { weightDecay: 3 }, ...keeping(1) });
    await expect(failed).rejects.toThrow(NonFiniteError);
    expect(readdirSync(folder)).toEqual([]);
  });

  it.each<[string, (path: string) => void]>([
    ['without training.json', (path) => rmSync(join(path, 'training.json'))],
    ['without moments', (path) => rmSync(join(path, 'optimizer.safetensors'))],
    ['without weights', (path) => rmSync(join(path, 'model.safetensors'))],
    ['cut short', (path) => writeFileSync(join(path, 'training.json'), '{"format": "inattention-tr')],
    ['of another kind', (path) => writeFileSync(join(path, 'training.json'), '{"format": "other", "version": 1}')],
    ['with a schedule that is none', (path) => rewrite(path, { settings: { schedule: { kind: 'steep' } } })],
    ['with half a step', (path) => rewrite(path, { step: 1.5 })],
    ['with a cursor that is none', (path) => rewrite(path, { cursor: { place: [] } })],
  ])('is refused: %s', async (_, damage) => {
    using model = newModel();
    await losses({ model, steps: 1, ...keeping(1) });
    const path = join(folder, 'step-00000001');
    damage(path);
    await expect(openCheckpoint(path)).rejects.toThrow(InvalidFileError);
  });

  it('is a folder that is not there', async () => {
    expect(await latestCheckpoint(join(folder, 'nowhere'))).toBeNull();
    await expect(readProgress(join(folder, 'nowhere'))).rejects.toThrow(InvalidFileError);
    expect(() => createCheckpointStore(folder, { keep: 0 })).toThrow(InvalidArgumentError);
  });
});

function rewrite(path: string, fields: object): void {
  const file = join(path, 'training.json');
  writeFileSync(file, JSON.stringify({ ...JSON.parse(readFileSync(file, 'utf8')), ...fields }));
}

describe('a model folder', () => {
  it('is written in f16 beside what is there, each file whole', async () => {
    using model = newModel();
    const weights = new Map([...(await savedOf(model)).weights]);
    const files = new Map([['notes.json', new TextEncoder().encode('{}')]]);
    writeFileSync(join(folder, 'README.md'), 'mine');
    await writeModelFolder(folder, { config: model.config, weights }, { dtype: 'F16', files });
    expect(readdirSync(folder).sort()).toEqual(['README.md', 'config.json', 'model.safetensors', 'notes.json']);
    using loaded = await loadModel(await openDirectory(folder), backend);
    expect(loaded.weightDType).toBe('f16');
    disk.room = 100;
    const before = readFileSync(join(folder, 'model.safetensors'));
    await expect(writeModelFolder(folder, { config: model.config, weights })).rejects.toThrow(InvalidFileError);
    expect(readFileSync(join(folder, 'model.safetensors')).equals(before)).toBe(true);
    expect(existsSync(join(folder, '.model.safetensors.partial'))).toBe(false);
  });
});

async function savedOf(model: Model) {
  const { Trainer } = await import('../trainer/trainer.ts');
  using trainer = new Trainer(model, { schedule });
  return trainer.saved(null);
}
