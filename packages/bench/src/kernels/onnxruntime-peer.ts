/** onnxruntime-web in Node, for any number of threads. */

import { createRequire } from 'node:module';
import { type OnnxRuntime, onnxruntimeName, onnxruntimePeer } from './onnxruntime-kernels.ts';
import type { Peer } from './peer.ts';

/** Loads it for a number of threads. Throws as `require` does when it is not installed. */
export async function loadOnnxruntime(threads: number): Promise<Peer> {
  const runtime = freshRuntime();
  runtime.env.wasm.numThreads = threads;
  runtime.env.logLevel = 'error';
  return onnxruntimePeer(runtime);
}

/**
 * A copy of the library that has not been used: it fixes its number of threads at its first session. Copies of its modules
 * for `import` would share one registry of backends; those for `require` can be forgotten together.
 */
function freshRuntime(): OnnxRuntime {
  const require = createRequire(import.meta.url);
  for (const file of Object.keys(require.cache)) {
    if (/[\\/]onnxruntime-(web|common)[\\/]/.test(file)) delete require.cache[file];
  }
  return require(onnxruntimeName) as OnnxRuntime;
}
