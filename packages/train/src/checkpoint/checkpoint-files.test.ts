import { createCpuBackend } from '@inattention/cpu';
import { filesInMemory } from '@inattention/formats';
import { createModel, loadModel } from '@inattention/model';
import { afterAll, expect, it } from 'vitest';
import { madeUpSource } from '../../test/made-up-source.ts';
import { smallConfig } from '../../test/small-model.ts';
import type { CheckpointStore } from '../trainer/saved-training.ts';
import { type TrainOptions, train } from '../trainer/train.ts';
import { checkpointFiles, readCheckpoint } from './checkpoint-files.ts';

const backend = await createCpuBackend({ threads: 1 });
afterAll(() => backend.dispose());

/** The bytes of a run's last checkpoint, kept where there are no folders. */
const kept = new Map<string, Uint8Array>();
const store: CheckpointStore = {
  async save(run) {
    for (const [name, content] of checkpointFiles(run)) {
      const pieces: Uint8Array[] = [];
      for await (const piece of content) pieces.push(piece);
      kept.set(name, Buffer.concat(pieces));
    }
    return 'memory';
  },
};

async function losses(options: Pick<TrainOptions, 'model' | 'steps'> & Partial<TrainOptions>): Promise<number[]> {
  const found: number[] = [];
  const schedule = { kind: 'constant', peak: 0.01 } as const;
  for await (const { loss } of train({ data: madeUpSource(), schedule, ...options })) found.push(loss);
  return found;
}

it('goes on from files in memory as a run that never stopped', async () => {
  using whole = createModel(smallConfig(), backend, { seed: 7 });
  const expected = await losses({ model: whole, steps: 8 });
  using first = createModel(smallConfig(), backend, { seed: 7 });
  await losses({ model: first, steps: 5, checkpoints: { store, every: 5 } });
  const files = filesInMemory(kept);
  using second = await loadModel(files, backend);
  expect(await losses({ model: second, steps: 8, resume: await readCheckpoint(files) })).toEqual(expected.slice(5));
});

it.each([
  ['training.json', '{"format":"inattention-training","version":1,"step":-1}', 'missing or wrong fields'],
  ['training.json', '{', 'JSON'],
  ['training.json', ' '.repeat(1_000_001), '1000001 bytes'],
  ['optimizer.safetensors', 'none', 'optimizer.safetensors'],
])('refuses a damaged %s: %s', async (name, content, message) => {
  const damaged = new Map([...kept, [name, new TextEncoder().encode(content)] as const]);
  await expect(readCheckpoint(filesInMemory(damaged))).rejects.toMatchObject({
    code: 'INVALID_FILE',
    message: expect.stringContaining(message),
  });
});
