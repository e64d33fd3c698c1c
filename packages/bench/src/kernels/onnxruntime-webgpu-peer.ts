/** onnxruntime-web's WebGPU execution provider in Node. */

import { provideGpu } from './node-gpu.ts';
import { onnxruntimeWebGpuPeer } from './onnxruntime-webgpu-kernels.ts';
import type { Peer } from './peer.ts';

/** Loads it. Rejects as `import` does when it is not installed, and with BackendUnavailableError when it does not start. */
export async function loadOnnxruntimeWebGpu(): Promise<Peer> {
  await provideGpu();
  const runtime = await import('onnxruntime-web/webgpu');
  runtime.env.wasm.numThreads = 1;
  runtime.env.logLevel = 'error';
  const peer = await onnxruntimeWebGpuPeer(runtime);
  const { queue } = (await runtime.env.webgpu.device) as GPUDevice;
  acceptSharedMemory(queue);
  return peer;
}

/** Dawn in Node refuses writes from shared memory, which is where this library has its numbers: they are copied once more. */
function acceptSharedMemory(queue: GPUQueue): void {
  const write = queue.writeBuffer.bind(queue);
  queue.writeBuffer = (buffer, bufferOffset, data, dataOffset = 0, size) => {
    const unit = ArrayBuffer.isView(data) && 'BYTES_PER_ELEMENT' in data ? Number(data.BYTES_PER_ELEMENT) : 1;
    const [memory, start] = ArrayBuffer.isView(data) ? [data.buffer, data.byteOffset] : [data, 0];
    if (!(memory instanceof SharedArrayBuffer)) return write(buffer, bufferOffset, data, dataOffset, size);
    const length = size === undefined ? data.byteLength - dataOffset * unit : size * unit;
    write(buffer, bufferOffset, new Uint8Array(memory, start + dataOffset * unit, length).slice());
  };
}
