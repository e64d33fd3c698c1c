/**
 * The workloads of the kernel benches in onnxruntime-web's WebGPU execution provider. Matrices that are inputs lie in buffers of
 * its device; what is fed in every call is copied there by it; results are copied out by every run.
 */

import { BackendUnavailableError } from '@inattention/core';
import { attentionGraph, matmulGraph } from './onnx-graphs.ts';
import { type OnnxGraph, onnxModel } from './onnx-model.ts';
import type { OnnxRuntime } from './onnxruntime-kernels.ts';
import type { Peer, PeerKernel } from './peer.ts';

export const onnxruntimeWebGpuName = 'onnxruntime-web, WebGPU';

/** The peer of a runtime that has the provider. Throws BackendUnavailableError when it does not start. */
export async function onnxruntimeWebGpuPeer(runtime: OnnxRuntime): Promise<Peer> {
  await start(runtime);
  return {
    name: onnxruntimeWebGpuName,
    version: runtime.env.versions.web ?? runtime.env.versions.common,
    notes: {
      input: 'inputs lie in buffers of its device',
      constant: 'constant of the graph',
      fed: 'inputs copied in by every run',
    },
    async matmul(sizes, a, b, constant) {
      return createKernel(runtime, matmulGraph(sizes, constant ? b : null), { a, ...(!constant && { b }) }, true);
    },
    async attention(sizes, { query, keysTransposed: keys, values }, constant) {
      const memory = { keys, values };
      const graph = attentionGraph(sizes, constant ? memory : null);
      return createKernel(runtime, graph, { query, ...(!constant && memory) }, false);
    },
  };
}

/** `kept`: the inputs are put on the device once. */
async function createKernel(
  runtime: OnnxRuntime,
  graph: OnnxGraph,
  data: Readonly<Record<string, Float32Array>>,
  kept: boolean,
): Promise<PeerKernel> {
  const session = await runtime.InferenceSession.create(onnxModel(graph), { executionProviders: ['webgpu'] });
  const device = (await runtime.env.webgpu.device) as GPUDevice;
  const feeds = graph.inputs.map(({ name, shape }) => {
    const numbers = data[name] as Float32Array<ArrayBuffer>;
    if (!kept) return [name, new runtime.Tensor('float32', numbers, shape)] as const;
    const usage = GPUBufferUsage.STORAGE | GPUBufferUsage.COPY_DST | GPUBufferUsage.COPY_SRC;
    const gpuBuffer = device.createBuffer({ size: Math.ceil(numbers.byteLength / 16) * 16, usage });
    device.queue.writeBuffer(gpuBuffer, 0, numbers);
    const dispose = (): void => gpuBuffer.destroy();
    return [name, runtime.Tensor.fromGpuBuffer(gpuBuffer, { dataType: 'float32', dims: shape, dispose })] as const;
  });
  let result = new Float32Array();
  return {
    async run() {
      result = (await session.run(Object.fromEntries(feeds))).out?.data as Float32Array<ArrayBuffer>;
    },
    result: () => result,
    async dispose() {
      await session.release();
      for (const [, tensor] of feeds) tensor.dispose();
    },
  };
}

/** Makes a first session, which makes the device, and is kept: with the last session the device would go. */
async function start(runtime: OnnxRuntime): Promise<void> {
  try {
    const graph = matmulGraph({ rows: 1, inner: 1, columns: 1 }, null);
    await runtime.InferenceSession.create(onnxModel(graph), { executionProviders: ['webgpu'] });
  } catch (cause) {
    throw new BackendUnavailableError({
      what: `${onnxruntimeWebGpuName}, does not start here.`,
      got: cause instanceof Error ? cause.message : String(cause),
      cause,
    });
  }
}
