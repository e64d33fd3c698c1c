import type { SavedTraining } from '@inattention/train';
import { expect, it } from 'vitest';
import { memoryStorage } from './file-storage.ts';
import { KeptRun } from './kept-run.ts';
import { parseRunRecord, type RunRecord } from './run-record.ts';
import { defaultChoices } from './training-choices.ts';
import { noHistory } from './training-protocol.ts';

const config: SavedTraining['config'] = {
  modelType: 'inattention',
  vocabSize: 8,
  hiddenSize: 4,
  intermediateSize: 8,
  numHiddenLayers: 1,
  numAttentionHeads: 1,
  numKeyValueHeads: 1,
  headDim: 4,
  maxPositionEmbeddings: 16,
  rmsNormEps: 1e-5,
  ropeTheta: 10_000,
  tieWordEmbeddings: true,
  initialStateWindow: 1,
  positionEmbeddingType: 'rope',
  attentionTypes: ['inattention'],
  eosTokenIds: [],
};

const savedAt = (step: number): SavedTraining => ({
  progress: {
    step,
    tokens: 16 * step,
    loss: 2,
    validationLoss: null,
    settings: { schedule: { kind: 'constant', peak: 0.1 } },
    cursor: null,
  },
  config,
  weights: new Map([['a', { shape: [2], read: async () => Float32Array.of(step, 1) }]]),
  firstMoments: new Map(),
  secondMoments: new Map(),
});

const record: RunRecord = { version: 1, modelName: 'small', choices: defaultChoices, history: noHistory };

async function keeping(...steps: number[]) {
  const storage = memoryStorage();
  const kept = new KeptRun(storage);
  await kept.begin(new Blob(['a text']));
  for (const step of steps) await kept.save(savedAt(step), record, new Map());
  return { storage, kept };
}

it('keeps the newest checkpoint with its text, and none once it is discarded', async () => {
  const { kept, storage } = await keeping(10, 20);
  expect(await storage.folders()).toEqual(['step-00000020']);
  expect(await kept.latest()).toMatchObject({ step: 20, run: { modelName: 'small', stopped: false } });
  expect(await (await kept.text())?.text()).toBe('a text');
  await kept.setStopped(true);
  expect((await kept.latest())?.run.stopped).toBe(true);
  await kept.discard();
  expect(await kept.latest()).toBeNull();
  expect(await kept.text()).toBeNull();
});

it.each([
  ['was not sealed', 'whole.json', null],
  ['was sealed in part', 'whole.json', '{"training.json":'],
  ['lacks bytes', 'model.safetensors', 'short'],
])('goes back to the checkpoint before when the newest %s', async (_, file, content) => {
  const { kept, storage } = await keeping(10);
  // What a closed tab leaves: the next one unfinished, the one before still there.
  const whole = await kept.latest();
  for (const each of whole?.files ?? []) await storage.write(`step-00000020/${each.name}`, [await bytesOf(each)]);
  const seal = await storage.read('step-00000010/whole.json');
  await storage.write('step-00000020/whole.json', [await bytesOf(seal as File)]);
  expect((await kept.latest())?.step).toBe(20);
  if (content === null) await storage.remove(`step-00000020/${file}`);
  else await storage.write(`step-00000020/${file}`, [new TextEncoder().encode(content)]);
  expect((await kept.latest())?.step).toBe(10);
});

it('keeps the checkpoint before when there is no room for the next', async () => {
  const { kept, storage } = await keeping(10);
  const full = new KeptRun({
    ...storage,
    write: (path, content) =>
      path.endsWith('optimizer.safetensors') ? Promise.reject(new Error('full')) : storage.write(path, content),
  });
  await expect(full.save(savedAt(20), record, new Map())).rejects.toThrow('full');
  expect((await kept.latest())?.step).toBe(10);
});

it.each([
  ['[]', 'no version 1'],
  ['{"version":1}', 'missing fields'],
  [JSON.stringify({ ...record, choices: { ...defaultChoices, steps: 1e12 } }), 'steps'],
  [JSON.stringify({ ...record, history: { ...noHistory, losses: ['x'] } }), 'losses'],
  [JSON.stringify({ ...record, history: { ...noHistory, samples: [{ step: 1 }] } }), 'samples'],
])('refuses the record %s', (text, got) => {
  expect(() => parseRunRecord(text)).toThrow(got);
});

const bytesOf = async (file: Blob) => new Uint8Array(await file.arrayBuffer());
