/**
 * The probe module on several threads: the ceiling of arithmetic and the bandwidth of reading, as many threads as what is
 * judged by them. Node only.
 */

import { Worker } from 'node:worker_threads';
import { bytesPerRound, compileProbe, flopsPerRound, instantiateProbe } from './probe-module.ts';

export interface Probe {
  /** Whether multiply-adds are fused (relaxed SIMD), as in kernels where the engine has them. */
  readonly fused: boolean;
  /** `flops` are what one call of multiplyAdd computes, all threads together. */
  readonly flops: number;
  multiplyAdd(): void;
  /** Reads the first `bytes` of memory (rounded down to whole rounds of all threads) and returns the sum of the numbers. */
  sum(bytes: number): number;
  /** The memory `sum` reads, zeros until written. */
  readonly numbers: Float32Array;
  dispose(): void;
}

const pageBytes = 65_536;
/** Some ms: what a helper starts late by is little of it. */
const roundsPerCall = 80_000;

/** Words of the control record: a generation that starts work, finished threads, what to do, bytes of each thread. */
const [generationWord, finishedWord, workWord, bytesWord] = [0, 1, 2, 3];
const stop = 0;
const multiplying = 1;
const summing = 2;

/** Looks for work before a helper sleeps: calls that follow each other do not pay for waking it. */
const spins = 20_000;

/** One helping thread; a string, since it must start from source and from what is built alike. */
const threadSource = `
const { parentPort, workerData } = require('node:worker_threads');
const { module, memory, control, sums, number, rounds } = workerData;
WebAssembly.instantiate(module, { env: { memory } }).then(({ exports }) => {
  parentPort.postMessage('ready');
  for (let generation = 0; ; ) {
    for (let spin = 0; spin < ${spins} && Atomics.load(control, ${generationWord}) === generation; spin += 1);
    Atomics.wait(control, ${generationWord}, generation);
    generation = Atomics.load(control, ${generationWord});
    const work = Atomics.load(control, ${workWord});
    const bytes = Atomics.load(control, ${bytesWord});
    if (work === ${stop}) return;
    if (work === ${multiplying}) exports.multiplyAdd(rounds);
    else sums[number] = exports.sum(number * bytes, (number + 1) * bytes);
    Atomics.add(control, ${finishedWord}, 1);
  }
});`;

/** Starts a probe with memory for sums of up to `bytes`. */
export async function createProbe(threads: number, bytes: number): Promise<Probe> {
  const { module, fused } = await compileProbe();
  const pages = Math.max(1, Math.ceil(bytes / pageBytes));
  const memory = new WebAssembly.Memory({ initial: pages, maximum: 65_536, shared: true });
  const own = await instantiateProbe(module, memory);
  const control = new Int32Array(new SharedArrayBuffer(16));
  const sums = new Float32Array(new SharedArrayBuffer(4 * threads));
  const workers = Array.from({ length: threads - 1 }, (_, index) => {
    const workerData = { module, memory, control, sums, number: index + 1, rounds: roundsPerCall };
    return new Worker(threadSource, { eval: true, workerData, name: 'inattention-probe' });
  });
  await Promise.all(workers.map((worker) => new Promise((resolve) => worker.once('message', resolve))));
  for (const worker of workers) worker.unref();

  const start = (work: number, threadBytes: number): void => {
    Atomics.store(control, finishedWord, 0);
    Atomics.store(control, workWord, work);
    Atomics.store(control, bytesWord, threadBytes);
    Atomics.add(control, generationWord, 1);
    Atomics.notify(control, generationWord);
  };
  const finish = (): void => {
    while (Atomics.load(control, finishedWord) < threads - 1);
  };
  return {
    fused,
    flops: roundsPerCall * flopsPerRound * threads,
    numbers: new Float32Array(memory.buffer),
    multiplyAdd() {
      start(multiplying, 0);
      own.multiplyAdd(roundsPerCall);
      finish();
    },
    sum(total) {
      const threadBytes = Math.floor(total / threads / bytesPerRound) * bytesPerRound;
      start(summing, threadBytes);
      sums[0] = own.sum(0, threadBytes);
      finish();
      return sums.reduce((sum, part) => sum + part, 0);
    },
    dispose() {
      start(stop, 0);
      for (const worker of workers) void worker.terminate();
    },
  };
}
