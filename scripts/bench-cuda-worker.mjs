// The other thread of bench-cuda.mjs: models on a CUDA backend of its own, served to whoever made it.
import { createRequire } from 'node:module';
import { parentPort } from 'node:worker_threads';
import { createCudaBackend } from '@inattention/cuda';
import { serveModels } from '@inattention/model/worker';

const nodeEndpoint = createRequire(import.meta.url)('comlink/dist/umd/node-adapter.js');

serveModels({
  candidates: [{ name: 'cuda', create: () => createCudaBackend() }],
  endpoint: nodeEndpoint(parentPort),
});
