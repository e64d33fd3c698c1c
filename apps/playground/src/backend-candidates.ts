/** The backends that a worker of this page tries, in order. */

import type { BackendCandidate } from '@inattention/core';
import { createCpuBackend } from '@inattention/cpu';
import { createWebGpuBackend } from '@inattention/webgpu';
import type { BackendChoice } from './backend-choice.ts';

export function candidatesFor(choice: BackendChoice): readonly BackendCandidate[] {
  // A software adapter plays GPU on the processor, slower than the CPU backend: it is taken only when WebGPU is asked for.
  const webgpu: BackendCandidate = {
    name: 'webgpu',
    create: () => createWebGpuBackend({ requireGpu: choice === 'auto' }),
  };
  const cpu: BackendCandidate = { name: 'cpu', create: () => createCpuBackend() };
  return { auto: [webgpu, cpu], webgpu: [webgpu], cpu: [cpu] }[choice];
}
