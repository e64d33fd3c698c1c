/** The peers that run in Node, by what they are measured beside. Node only. */

import { onnxruntimeName } from './onnxruntime-kernels.ts';
import { loadOnnxruntime } from './onnxruntime-peer.ts';
import { onnxruntimeWebGpuName } from './onnxruntime-webgpu-kernels.ts';
import { loadOnnxruntimeWebGpu } from './onnxruntime-webgpu-peer.ts';
import { type LoadedPeer, loadPeer } from './peer.ts';
import { loadTfjs, tfjsName, tfjsPackages } from './tfjs-peer.ts';
import { loadTfjsWebGpu, tfjsWebGpuName, tfjsWebGpuPackages } from './tfjs-webgpu-peer.ts';

/** tfjs-backend-wasm takes part with one thread only: it has no others in Node. */
export async function loadCpuPeers(threads: number): Promise<LoadedPeer[]> {
  const loaded = [await loadPeer(onnxruntimeName, [onnxruntimeName], () => loadOnnxruntime(threads))];
  if (threads === 1) loaded.push(await loadPeer(tfjsName, tfjsPackages, loadTfjs));
  return loaded;
}

export async function loadWebGpuPeers(): Promise<LoadedPeer[]> {
  return [
    await loadPeer(onnxruntimeWebGpuName, [onnxruntimeName], loadOnnxruntimeWebGpu),
    await loadPeer(tfjsWebGpuName, tfjsWebGpuPackages, loadTfjsWebGpu),
  ];
}
