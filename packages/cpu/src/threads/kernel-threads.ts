/**
 * The threads that help the caller (assembly/threads.ts): one worker each, in Node and in browsers, with an instance of
 * the same module over the same memory. They keep no process alive.
 */

import { nodeBuiltin } from './supported-threads.ts';

/** What a thread needs; cloned into its worker. */
interface ThreadData {
  readonly module: WebAssembly.Module;
  readonly memory: WebAssembly.Memory;
  /** 1 … ; the caller is 0. */
  readonly number: number;
}

interface Thread {
  /** Resolves when the thread waits for work. */
  readonly ready: Promise<void>;
  terminate(): void;
}

/** The same as browser-thread.js; a string, so that no bundler has to find a file. */
const nodeThreadSource = `
const { parentPort, workerData } = require('node:worker_threads');
const { module, memory, number } = workerData;
WebAssembly.instantiate(module, { env: { memory, abort() {} } }).then(({ exports }) => {
  parentPort.postMessage('ready');
  exports.threadMain(number);
});`;

/** Starts `count` threads and waits until all are ready. Rejects, with none left running, when one cannot be had. */
export async function startThreads(
  count: number,
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
): Promise<() => void> {
  const threads: Thread[] = [];
  const terminate = (): void => {
    for (const thread of threads) thread.terminate();
  };
  try {
    for (let number = 1; number <= count; number += 1) threads.push(startThread({ module, memory, number }));
    await Promise.all(threads.map(({ ready }) => ready));
  } catch (error) {
    terminate();
    throw error;
  }
  return terminate;
}

function startThread(data: ThreadData): Thread {
  const node = nodeBuiltin('node:worker_threads');
  if (node !== undefined) {
    const worker = new node.Worker(nodeThreadSource, { eval: true, workerData: data, name: 'inattention-kernels' });
    worker.unref();
    return {
      ready: new Promise((resolve, reject) => {
        worker.once('message', () => resolve());
        worker.once('error', reject);
      }),
      terminate: () => void worker.terminate(),
    };
  }
  const worker = new Worker(new URL('./browser-thread.js', import.meta.url), {
    type: 'module',
    name: 'inattention-kernels',
  });
  return {
    ready: new Promise((resolve, reject) => {
      worker.onmessage = () => resolve();
      worker.onerror = (event) => {
        event.preventDefault();
        reject(new Error(event.message));
      };
      worker.postMessage(data);
    }),
    terminate: () => worker.terminate(),
  };
}
