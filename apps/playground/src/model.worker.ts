/** All work with models, off the page's thread: on a graphics card where there is one, otherwise on the processor. */

import type { BackendCandidate } from '@inattention/core';
import { createCpuBackend } from '@inattention/cpu';
import { serveModels } from '@inattention/model/worker';
import { createWebGpuBackend } from '@inattention/webgpu';
import { type BackendChoice, backendChoice } from './backend-choice.ts';

const choice = backendChoice(self.name);

// A software adapter plays GPU on the processor, slower than the CPU backend: it is taken only when WebGPU is asked for.
const webgpu: BackendCandidate = {
  name: 'webgpu',
  create: () => createWebGpuBackend({ requireGpu: choice === 'auto' }),
};
const cpu: BackendCandidate = { name: 'cpu', create: () => createCpuBackend() };
const candidates: Readonly<Record<BackendChoice, readonly BackendCandidate[]>> = {
  auto: [webgpu, cpu],
  webgpu: [webgpu],
  cpu: [cpu],
};

serveModels({ candidates: candidates[choice] });
