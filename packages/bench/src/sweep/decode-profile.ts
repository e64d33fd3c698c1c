/** What the kernels of one decode step take, from backends that tell: the WebGPU backend. */

import type { Backend } from '@inattention/core';
import type { WebGpuBackend } from '@inattention/webgpu';
import type { StepProfile } from '../result.ts';

/** A backend whose kernels can be profiled. */
type ProfilingBackend = Backend & Pick<WebGpuBackend, 'profile'>;

function isProfiling(backend: Backend): backend is ProfilingBackend {
  return 'profile' in backend && typeof backend.profile === 'function';
}

/** Runs a step and tells what its kernels took; null, and nothing is run, where the backend cannot tell. */
export async function profileStep(backend: Backend, step: () => Promise<unknown>): Promise<StepProfile | null> {
  if (!isProfiling(backend)) return null;
  const { submissions, kernels } = (await backend.profile(step)).profile;
  const times = kernels.map(({ kernel, dispatches, flops, bytes, milliseconds }) => ({
    kernel,
    dispatches,
    flops,
    bytes,
    milliseconds,
  }));
  return { submissions, kernels: times };
}
