/** tfjs-backend-wasm, SIMD build, in Node, where it has no threads. */

import type { Peer } from './peer.ts';
import { tfjsPeer } from './tfjs-kernels.ts';

export const tfjsName = 'tfjs-backend-wasm';
export const tfjsPackages: readonly string[] = ['@tensorflow/tfjs-backend-wasm', '@tensorflow/tfjs-core'];

/** Loads it. Rejects as `import` does when it is not installed. */
export async function loadTfjs(): Promise<Peer> {
  const tfjs = await import('@tensorflow/tfjs-core');
  const { version_wasm: version } = await import('@tensorflow/tfjs-backend-wasm');
  await tfjs.setBackend('wasm');
  await tfjs.ready();
  return tfjsPeer(tfjs, tfjsName, version, 'now');
}
