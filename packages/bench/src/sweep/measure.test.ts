import { createCpuBackend } from '@inattention/cpu';
import { createModel } from '@inattention/model';
import { expect, test, vi } from 'vitest';
import { configOf, type Shape } from '../shapes.ts';
import { measure } from './measure.ts';

const shape: Shape = {
  name: 'tiny',
  vocabSize: 200,
  hiddenSize: 32,
  intermediateSize: 48,
  numHiddenLayers: 2,
  numAttentionHeads: 4,
  numKeyValueHeads: 2,
  headDim: 8,
  tieWordEmbeddings: true,
};

const ids = (step: number) => Int32Array.from({ length: 400 }, (_, order) => (order * step) % 200);

test('the table is empty when cold, has the text and is kept when revisited, has only another text when warm', async () => {
  using backend = await createCpuBackend();
  using model = createModel(configOf(shape, 'inattention', 3), backend, { seed: 1, weightDType: 'f32' });
  const before: string[] = [];
  let told = '';
  const emptied = vi.spyOn(model.contextModel, 'invalidate');
  const { coldMs, warmMs, revisitedMs, decodeMs } = await measure(model, {
    variant: 'tables',
    dtype: 'f32',
    text: ids(7),
    warmUp: ids(2),
    length: 300,
    decodeSteps: 3,
    decodeTime: 10_000,
    onStep: (what, share) => {
      if (share !== undefined && what === told) return;
      told = what;
      before.push(`${what}: emptied ${emptied.mock.calls.length}, table ${model.tableBytes > 0 ? 'filled' : 'empty'}`);
    },
  });
  expect(before).toEqual([
    'first token: emptied 1, table empty',
    'decoding: emptied 1, table filled',
    ...Array(4).fill('first token, revisited: emptied 1, table filled'),
    'warming the table: emptied 2, table empty',
    'first token, warm: emptied 2, table filled',
  ]);
  expect([coldMs, warmMs ?? 0, ...revisitedMs, ...decodeMs].every((ms) => ms > 0)).toBe(true);
  expect([revisitedMs.length, decodeMs.length]).toEqual([4, 3]);
});

test('what has no table has no warm figure and none when revisited', async () => {
  using backend = await createCpuBackend();
  using model = createModel(configOf(shape, 'inattention', 3), backend, { seed: 1, weightDType: 'f32' });
  const options = { dtype: 'f32', text: ids(7), warmUp: ids(2), length: 30, decodeSteps: 1, decodeTime: 1 } as const;
  for (const variant of ['kv', 'states', 'ids'] as const) {
    expect(await measure(model, { ...options, variant })).toMatchObject({
      warmMs: null,
      revisitedMs: [],
      tableBytes: 0,
    });
  }
});
