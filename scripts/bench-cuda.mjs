// `pnpm bench:cuda [--layers N] [--tokens N] [--json]`: what a decode step costs on the CUDA backend beside its bare products,
// measured in turn in one run, and how long an event loop waits while steps run on it and while they run in a worker thread.
// The shape is GPT-2's (124 M parameters, random). Run `pnpm build` first.
import { createRequire } from 'node:module';
import { parseArgs } from 'node:util';
import { Worker } from 'node:worker_threads';
import { EagerOperations } from '@inattention/core';
import { createCudaBackend } from '@inattention/cuda';
import { serializeConfig, writeSafetensors } from '@inattention/formats';
import { createModel, randomWeights } from '@inattention/model';
import { connectModels } from '@inattention/model/worker';

const nodeEndpoint = createRequire(import.meta.url)('comlink/dist/umd/node-adapter.js');

const { values: flags } = parseArgs({
  options: { layers: { type: 'string' }, tokens: { type: 'string' }, json: { type: 'boolean' } },
});
const layers = Number(flags.layers ?? 12);
const context = Number(flags.tokens ?? 512);

const rounds = 7;
const stepsPerRound = 4;
const hiddenSize = 768;
/** @type {import('@inattention/core/math').ModelConfig} */
const config = {
  modelType: 'inattention',
  vocabSize: 50_257,
  hiddenSize,
  intermediateSize: 2048, // three matrices of this size are the two of GPT-2
  numHiddenLayers: layers,
  numAttentionHeads: 12,
  numKeyValueHeads: 12,
  headDim: 64,
  maxPositionEmbeddings: 4096,
  rmsNormEps: 1e-5,
  ropeTheta: 10_000,
  tieWordEmbeddings: true,
  initialStateWindow: 1,
  positionEmbeddingType: 'rope',
  attentionTypes: Array.from({ length: layers }, () => 'inattention'),
  eosTokenIds: [],
};

const median = (numbers) => numbers.toSorted((a, b) => a - b)[numbers.length >> 1];
const milliseconds = (number) => Math.round(number * 100) / 100;

/** Milliseconds of one call of `work`, a few of them at a time. */
async function time(work) {
  const started = performance.now();
  for (let step = 0; step < stepsPerRound; step += 1) await work();
  return (performance.now() - started) / stepsPerRound;
}

/** The longest that a timer of 1 ms was late while `work` ran, in milliseconds. */
async function longestWait(work) {
  let last = performance.now();
  let longest = 0;
  const timer = setInterval(() => {
    const now = performance.now();
    longest = Math.max(longest, now - last);
    last = now;
  }, 1);
  await new Promise((resolve) => setTimeout(resolve, 20));
  longest = 0;
  await work();
  clearInterval(timer);
  return Math.max(longest, performance.now() - last);
}

const backend = await createCudaBackend();
const model = createModel(config, backend, { seed: 1 });
const session = model.createSession({ context: 'kv' });
const prompt = Array.from({ length: context }, (_, place) => (place * 7919) % config.vocabSize);
await session.append(prompt);
await session.nextLogits();

let token = 1;
const step = async () => {
  token = (token * 31 + 7) % config.vocabSize;
  await session.append([token]);
  await session.nextLogits();
};

/** Every product of a step, and nothing else: one row through each matrix, and the logits read back. */
const operations = new EagerOperations(backend);
const row = operations.upload(new Float32Array(hiddenSize).fill(0.01), [1, hiddenSize]);
const wide = operations.upload(new Float32Array(config.intermediateSize).fill(0.01), [1, config.intermediateSize]);
const products = async () => {
  const logits = operations.scope(() => {
    for (const { query, key, value, output, gate, up, down } of model.weights.layers) {
      for (const weight of [query, key, value, output, gate, up]) operations.linear(row, weight);
      operations.linear(wide, down);
    }
    return operations.linear(row, model.weights.head);
  });
  await logits.readFloat32();
  logits.dispose();
};

await time(step);
await time(products);
const before = backend.statistics().operations;
await step();
const calls = backend.statistics().operations - before;
/** @type {{ step: number[], products: number[] }} */
const times = { step: [], products: [] };
for (let round = 0; round < rounds; round += 1) {
  times.step.push(await time(step));
  times.products.push(await time(products));
}
const here = await longestWait(async () => {
  // ten steps, none of which lets go of the thread
  for (let count = 0; count < 10; count += 1) await step();
});

// The same in a worker thread, by @inattention/model/worker: it loads the library and the same weights anew.
session.dispose();
model.dispose();
backend.dispose();
const files = new Map([
  ['config.json', new TextEncoder().encode(JSON.stringify(serializeConfig(config)))],
  ['model.safetensors', writeSafetensors([...randomWeights(config, { seed: 1 })])],
]);
const worker = new Worker(new URL('./bench-cuda-worker.mjs', import.meta.url));
const remote = await connectModels(nodeEndpoint(worker)).load({ bytes: files });
const away = await remote.createSession({ context: 'kv' });
await away.append(prompt);
await away.nextLogits();
const there = await longestWait(async () => {
  for (let count = 0; count < 10; count += 1) {
    await away.append([(count * 31 + 7) % config.vocabSize]);
    await away.nextLogits();
  }
});
await worker.terminate();

const result = {
  device: backend.info.device,
  layers,
  tokens: context,
  stepMs: milliseconds(median(times.step)),
  productsMs: milliseconds(median(times.products)),
  ratio: milliseconds(median(times.step.map((ms, round) => ms / times.products[round]))),
  callsPerStep: calls,
  longestWaitOnMainThreadMs: milliseconds(here),
  longestWaitWithWorkerMs: milliseconds(there),
};
if (flags.json) console.log(JSON.stringify(result));
else console.table(result);
