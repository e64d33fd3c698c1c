/** The backends of a browser, in order of preference, and what a run says of the machine. */

import { type Backend, type BackendCandidate, type BackendChoice as Chosen, selectBackend } from '@inattention/core';
import { createCpuBackend } from '@inattention/cpu';
import { createWebGpuBackend } from '@inattention/webgpu';
import type { BackendChoice } from '../jobs.ts';

/** A backend as asked for, and why it is this one. Throws BackendUnavailableError. */
export function openBackend(choice: BackendChoice, signal?: AbortSignal): Promise<Chosen> {
  // A software adapter plays GPU on the processor, slower than the CPU backend: it is taken only when WebGPU is asked for.
  const candidates: readonly BackendCandidate[] = [
    { name: 'webgpu', create: () => createWebGpuBackend({ requireGpu: choice === 'auto' }) },
    { name: 'cpu', create: () => createCpuBackend() },
  ];
  return selectBackend(candidates, {
    ...(choice !== 'auto' && { only: choice }),
    ...(signal !== undefined && { signal }),
  });
}

/** For a result: which browser this is, and whether it could run several threads. */
export function browserEnvironment(backend?: Backend): Record<string, string | number> {
  const threads = backend?.info.details.threads;
  return {
    browser: navigator.userAgent,
    cores: navigator.hardwareConcurrency,
    isolated: crossOriginIsolated ? 'yes' : 'no: one thread',
    ...(typeof threads === 'number' && { threads }),
  };
}
