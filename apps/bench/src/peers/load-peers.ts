/** Other libraries, from files of this page: each is fetched when it is wanted and no sooner. */

import type { KernelPeer } from '@inattention/bench';
import { type LoadedPeer, onnxruntimeName, onnxruntimeWebGpuName, type Peer } from '@inattention/bench/peers';

/** Those that run on the same backend. One that does not start is told of, and left out. */
export async function loadPeers(backend: 'cpu' | 'webgpu'): Promise<LoadedPeer[]> {
  if (backend === 'cpu') {
    return [
      await loaded(onnxruntimeName, async () => (await import('./onnxruntime.ts')).loadOnnxruntime()),
      await loaded('tfjs-backend-wasm', async () => (await import('./tfjs-wasm.ts')).loadTfjsWasm()),
    ];
  }
  return [
    await loaded(onnxruntimeWebGpuName, async () => (await import('./onnxruntime-webgpu.ts')).loadOnnxruntimeWebGpu()),
    await loaded('tfjs-backend-webgpu', async () => (await import('./tfjs-webgpu.ts')).loadTfjsWebGpu()),
  ];
}

async function loaded(name: string, load: () => Promise<Peer>): Promise<LoadedPeer> {
  try {
    const peer = await load();
    return { facts: { name, version: peer.version }, peer };
  } catch (error) {
    const why = error instanceof Error ? error.message : String(error);
    const facts: KernelPeer = { name, version: null, missing: `${name} does not start here: ${why}` };
    return { facts, peer: null };
  }
}
