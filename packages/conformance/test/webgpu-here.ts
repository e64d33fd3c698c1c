/**
 * WebGPU for tests that run in Node and in browsers alike. In Node on no more than WebGPU's default limits, in browsers on
 * all that the adapter has: so both are tested. INATTENTION_KERNELS=gpu runs the kernels of graphics cards in Node, which
 * takes a software adapter long; packages/webgpu tests each of them at small sizes anyway.
 */

import { createWebGpuBackend, openDevice, type WebGpuBackend } from '@inattention/webgpu';

const inNode = typeof document === 'undefined';
const kernels = inNode && process.env.INATTENTION_KERNELS === 'gpu' ? 'gpu' : 'auto';

/** Makes backends on one device, so that kernels are compiled once for all of them. */
export async function webgpuBackends(): Promise<() => Promise<WebGpuBackend>> {
  const { device } = await openDevice(inNode ? { limits: 'default' } : {});
  return () => createWebGpuBackend({ device, kernels });
}
