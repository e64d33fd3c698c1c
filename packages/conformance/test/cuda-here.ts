/**
 * The CUDA backend for tests: on the real TensorFlow that the run has set up; where none could be had (which the run says
 * loudly), or with INATTENTION_STAND_IN=1, on tfjs-core's own CPU backend, through the same code. INATTENTION_TF32=1 lets a
 * GPU round products to TF32, which has tolerances of its own.
 */

import { type CudaBackend, createCudaBackend } from '@inattention/cuda';

const standIn = process.env.INATTENTION_STAND_IN === '1';

/** Makes backends for the suite. */
export async function cudaBackends(): Promise<() => Promise<CudaBackend>> {
  if (!standIn) return () => createCudaBackend({ tf32: process.env.INATTENTION_TF32 === '1' });
  const { TfjsBinding } = await import('./tfjs-stand-in.ts');
  const tf = { backend: () => ({ binding }) };
  const binding = new TfjsBinding();
  return () => createCudaBackend({ tf });
}
