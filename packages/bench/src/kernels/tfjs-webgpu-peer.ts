/** tfjs-backend-webgpu in Node, on the adapter that the package `webgpu` finds. */

import { createRequire } from 'node:module';
import { BackendUnavailableError } from '@inattention/core';
import { provideGpu } from './node-gpu.ts';
import type { Peer } from './peer.ts';
import { tfjsPeer } from './tfjs-kernels.ts';

export const tfjsWebGpuName = 'tfjs-backend-webgpu';
export const tfjsWebGpuPackages: readonly string[] = ['@tensorflow/tfjs-backend-webgpu', '@tensorflow/tfjs-core'];

/** Loads it. Rejects as `import` does when it is not installed, and with BackendUnavailableError when it does not start. */
export async function loadTfjsWebGpu(): Promise<Peer> {
  // Before the library, which looks for it when it is loaded.
  await provideGpu();
  const tfjs = await import('@tensorflow/tfjs-core');
  await import('@tensorflow/tfjs-backend-webgpu');
  if (!(await tfjs.setBackend('webgpu'))) {
    throw new BackendUnavailableError({ what: `${tfjsWebGpuName} does not start here.` });
  }
  const { version } = createRequire(import.meta.url)('@tensorflow/tfjs-backend-webgpu/package.json') as {
    readonly version: string;
  };
  return tfjsPeer(tfjs, tfjsWebGpuName, version, 'later');
}
