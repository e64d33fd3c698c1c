import { createCpuBackend } from '@inattention/cpu';
import { describe, expect, test } from 'vitest';
import { folder, makeModel, modelFiles } from '../test/small-model.ts';
import { loadModel } from './load-model.ts';

describe('loadModel', () => {
  test('loads a folder, with progress, as the model it was written from', async () => {
    const { backend, model } = await makeModel();
    const progress: number[] = [];
    using loaded = await loadModel(folder(modelFiles()), backend, { onProgress: ({ done }) => progress.push(done) });
    expect(progress).toHaveLength(21);
    expect(progress.at(-1)).toBe(loaded.parameters * 4);
    expect(loaded.tokenizer?.name).toBe('UTF-8 bytes');
    const [expected, got] = await Promise.all(
      [model, loaded].map(async (one) => {
        const session = one.createSession();
        await session.append('Call me Ishmael');
        return session.nextLogits();
      }),
    );
    expect(got).toEqual(expected);
    expect(loaded.decode(loaded.encode('Grüße'))).toBe('Grüße');
  });

  test.each([
    [
      'NaN weights',
      modelFiles((name, data) => name.endsWith('up_proj.weight') && data.fill(Number.NaN, 3, 4)),
      'NON_FINITE',
    ],
    ['missing weights', new Map([...modelFiles()].slice(0, 1)), 'INVALID_FILE'],
    ['missing configuration', new Map([...modelFiles()].slice(1)), 'INVALID_FILE'],
    ['cut weights', new Map([...modelFiles()].map(([name, bytes]) => [name, bytes.slice(0, -4)])), 'INVALID_FILE'],
  ])('%s: an error, and nothing stays on the device', async (_, files, code) => {
    using backend = await createCpuBackend();
    await expect(loadModel(folder(files), backend)).rejects.toMatchObject({ code });
    expect(backend.ledger.snapshot().liveTotal).toBe(0);
  });

  test('can be cancelled on the way, and too little memory is refused', async () => {
    using backend = await createCpuBackend();
    const controller = new AbortController();
    const options = { signal: controller.signal, onProgress: () => controller.abort() };
    await expect(loadModel(folder(modelFiles()), backend, options)).rejects.toMatchObject({ code: 'ABORTED' });
    expect(backend.ledger.snapshot().liveTotal).toBe(0);
    using small = await createCpuBackend({ maxBytes: 2 ** 17 });
    await expect(loadModel(folder(modelFiles()), small)).rejects.toMatchObject({ code: 'OUT_OF_MEMORY' });
    expect(small.ledger.snapshot().liveTotal).toBe(0);
  });
});

test('runs the weights with another configuration, where it calls for the same tensors', async () => {
  using backend = await createCpuBackend();
  using model = await loadModel(folder(modelFiles()), backend);
  const linear = { kind: 'linear', factor: 4 } as const;
  using longer = await loadModel(folder(modelFiles()), backend, {
    reconfigure: (config) => ({ ...config, ropeScaling: linear, maxPositionEmbeddings: 2048 }),
  });
  expect(longer.config).toEqual({ ...model.config, ropeScaling: linear, maxPositionEmbeddings: 2048 });
  expect(await longer.fingerprint()).not.toBe(await model.fingerprint());
  const [plain, scaled] = await Promise.all(
    [model, longer].map(async (one) => {
      const session = one.createSession();
      await session.append('Call me Ishmael');
      return session.nextLogits();
    }),
  );
  expect(scaled).not.toEqual(plain);
  const live = backend.ledger.snapshot().liveTotal;
  const wider = loadModel(folder(modelFiles()), backend, {
    reconfigure: (config) => ({ ...config, attentionBias: 'qkv' }),
  });
  await expect(wider).rejects.toMatchObject({ code: 'INVALID_FILE' });
  expect(backend.ledger.snapshot().liveTotal).toBe(live);
});
