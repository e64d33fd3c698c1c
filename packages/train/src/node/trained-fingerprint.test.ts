import { mkdtempSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { createCpuBackend } from '@inattention/cpu';
import { openDirectory } from '@inattention/formats/node';
import { createModel, loadModel } from '@inattention/model';
import { afterAll, expect, it } from 'vitest';
import { madeUpSource } from '../../test/made-up-source.ts';
import { smallConfig } from '../../test/small-model.ts';
import { Trainer } from '../trainer/trainer.ts';
import { writeModelFolder } from './model-folder.ts';

const backend = await createCpuBackend({ threads: 1 });
const folder = mkdtempSync(join(tmpdir(), 'fingerprint-'));
afterAll(() => {
  backend.dispose();
  rmSync(folder, { recursive: true });
});

it('a trained model is another one after each step, and the same as the one loaded from its files', async () => {
  using model = createModel(smallConfig(), backend, { seed: 7 });
  using trainer = new Trainer(model, { schedule: { kind: 'constant', peak: 0.01 } });
  const source = madeUpSource();
  const before = await model.createSession().save();
  const seen = [await model.fingerprint()];
  for (let step = 0; step < 2; step += 1) {
    const batch = await source.next();
    await trainer.step(batch === null ? [] : [batch]);
    seen.push(await model.fingerprint());
  }
  expect(new Set(seen).size).toBe(3);
  await expect(model.restoreSession(before)).rejects.toMatchObject({ code: 'INVALID_FILE' });

  const session = model.createSession();
  await session.append([1, 2, 3]);
  const saved = await session.save();
  await writeModelFolder(folder, trainer.saved(null));
  using loaded = await loadModel(await openDirectory(folder), backend);
  expect(await loaded.fingerprint()).toBe(seen.at(-1));
  const restored = await loaded.restoreSession(saved);
  expect(await restored.nextLogits()).toEqual(await session.nextLogits());
});
