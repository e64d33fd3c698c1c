/** The workloads of the kernel benches in onnxruntime-web's WebAssembly execution provider. Results are copied out of its memory by every run. */

import type * as Onnxruntime from 'onnxruntime-web';
import { attentionGraph, matmulGraph } from './onnx-graphs.ts';
import { type OnnxGraph, onnxModel } from './onnx-model.ts';
import type { Peer, PeerKernel } from './peer.ts';

export type OnnxRuntime = typeof Onnxruntime;

export const onnxruntimeName = 'onnxruntime-web';

/** The peer of a runtime whose number of threads is set. */
export function onnxruntimePeer(runtime: OnnxRuntime): Peer {
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
  runtime: OnnxRuntime,
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
