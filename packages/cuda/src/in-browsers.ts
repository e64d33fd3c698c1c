/** What bundlers for browsers get in place of the CUDA backend, which needs Node: a factory that says so. */

import { BackendUnavailableError } from '@inattention/core';
import type { CudaBackend, CudaBackendOptions } from './cuda-backend.ts';
import { attentionScratchBytes as bound } from './kernels/attention/scratch-bound.ts';

/** As in Node: arithmetic only. */
export const attentionScratchBytes = bound;

/** Throws BackendUnavailableError: there is no CUDA in a browser. */
export async function createCudaBackend(_options: CudaBackendOptions = {}): Promise<CudaBackend> {
  throw new BackendUnavailableError({
    what: 'There is no CUDA in a browser.',
    fix: 'use @inattention/webgpu, which runs on the same graphics card',
  });
}
