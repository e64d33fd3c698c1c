/**
 * A run of its own process, to be killed while it writes: prints "writing", and waits for its end, when some of the
 * checkpoint of step 12 is on the disk. Arguments: the folder, and the tensor after which it waits.
 */

import { createCpuBackend } from '@inattention/cpu';
import { createModel } from '@inattention/model';
import { createCheckpointStore } from '../src/node/checkpoints.ts';
import type { CheckpointStore, SavedTraining } from '../src/trainer/saved-training.ts';
import { train } from '../src/trainer/train.ts';
import { madeUpSource } from './made-up-source.ts';
import { smallConfig } from './small-model.ts';

const [, , folder = '', waitAfter = ''] = process.argv;
const store = createCheckpointStore(folder);

/** Tensors of which one is never read to its end. */
function stuck(tensors: SavedTraining['weights'], when: boolean): SavedTraining['weights'] {
  if (!when) return tensors;
  const forever = async (): Promise<never> => {
    process.stdout.write('writing\n');
    setInterval(() => undefined, 1000);
    return new Promise(() => undefined);
  };
  const name = 'model.layers.1.mlp.up_proj.weight';
  return new Map([...tensors].map(([key, tensor]) => [key, key === name ? { ...tensor, read: forever } : tensor]));
}

const stuckStore: CheckpointStore = {
  save(run) {
    const late = run.progress.step === 12;
    const weights = stuck(run.weights, late && waitAfter === 'weights');
    const secondMoments = stuck(run.secondMoments, late && waitAfter === 'moments');
    return store.save({ ...run, weights, secondMoments });
  },
};

const model = createModel(smallConfig(), await createCpuBackend({ threads: 1 }), { seed: 7 });
const schedule = { kind: 'cosine', peak: 0.01, steps: 40, warmupSteps: 4 } as const;
const checkpoints = { store: stuckStore, every: 4 };
for await (const { step, loss } of train({ model, data: madeUpSource(), steps: 40, schedule, checkpoints })) {
  process.stdout.write(`${step} ${loss}\n`);
}
