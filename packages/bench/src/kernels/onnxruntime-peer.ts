/** onnxruntime-web's WebAssembly execution provider, in Node. Its results are copied out of its memory by every run. */

import { createRequire } from 'node:module';
import type * as Onnxruntime from 'onnxruntime-web';
import { attentionGraph, matmulGraph } from './onnx-graphs.ts';
import { type OnnxGraph, onnxModel } from './onnx-model.ts';
import type { Peer, PeerKernel } from './peer.ts';

type Runtime = typeof Onnxruntime;

export const onnxruntimeName = 'onnxruntime-web';

/** Loads it for a number of threads. Throws as `require` does when it is not installed. */
export async function loadOnnxruntime(threads: number): Promise<Peer> {
  const runtime = freshRuntime();
  runtime.env.wasm.numThreads = threads;
  runtime.env.logLevel = 'error';
  return {
    name: onnxruntimeName,
    version: runtime.env.versions.web ?? runtime.env.versions.common,
    notes: {
      input: 'inputs are copied in by every run',
      constant: 'constant of the graph',
      fed: 'inputs copied in by every run',
    },
    async matmul(sizes, a, b, constant) {
      return createKernel(runtime, matmulGraph(sizes, constant ? b : null), { a, ...(!constant && { b }) });
    },
    async attention(sizes, { query, keysTransposed: keys, values }, constant) {
      const memory = { keys, values };
      return createKernel(runtime, attentionGraph(sizes, constant ? memory : null), {
        query,
        ...(!constant && memory),
      });
    },
  };
}

async function createKernel(
  runtime: Runtime,
  graph: OnnxGraph,
  data: Readonly<Record<string, Float32Array>>,
): Promise<PeerKernel> {
  const session = await runtime.InferenceSession.create(onnxModel(graph), { executionProviders: ['wasm'] });
  const feeds = Object.fromEntries(
    graph.inputs.map(({ name, shape }) => [name, new runtime.Tensor('float32', data[name] as Float32Array, shape)]),
  );
  let result = new Float32Array();
  return {
    async run() {
      result = (await session.run(feeds)).out?.data as Float32Array<ArrayBuffer>;
    },
    result: () => result,
    dispose: () => session.release(),
  };
}

/**
 * A copy of the library that has not been used: it fixes its number of threads at its first session. Copies of its modules
 * for `import` would share one registry of backends; those for `require` can be forgotten together.
 */
function freshRuntime(): Runtime {
  const require = createRequire(import.meta.url);
  for (const file of Object.keys(require.cache)) {
    if (/[\\/]onnxruntime-(web|common)[\\/]/.test(file)) delete require.cache[file];
  }
  return require(onnxruntimeName) as Runtime;
}
