// The other thread of bench-cuda.mjs: a model and a session of its own, and as many decode steps as it is told to make.
import { parentPort, workerData } from 'node:worker_threads';
import { createCudaBackend } from '@inattention/cuda';
import { createModel } from '@inattention/model';

const { config, context } = workerData;
const backend = await createCudaBackend();
const model = createModel(config, backend, { seed: 1 });
const session = model.createSession({ context: 'kv' });
await session.append(Array.from({ length: context }, (_, place) => (place * 7919) % config.vocabSize));
await session.nextLogits();
parentPort.on('message', async (steps) => {
  for (let count = 0; count < steps; count += 1) {
    await session.append([(count * 31 + 7) % config.vocabSize]);
    await session.nextLogits();
  }
  parentPort.postMessage('done');
});
parentPort.postMessage('ready');
