/**
 * The backends of this project, as candidates for `selectBackend`: what the command line and the apps choose from. The
 * order is that of preference; `auto` takes a GPU or the CPU, never a CPU that plays GPU (a software adapter, TensorFlow without
 * a GPU), unless it is asked for by name.
 */

import type { BackendCandidate } from '@inattention/core';
import { createCpuBackend } from '@inattention/cpu';
import { createCudaBackend } from '@inattention/cuda';
import { createWebGpuBackend } from '@inattention/webgpu';
import { type BackendName, backendNames } from './backend-names.ts';

export interface CandidateOptions {
  /** The only one that is wanted; `auto`: the first that works. Default `auto`. */
  readonly only?: BackendName | 'auto';
  /** Bytes the backend may hold in all. Default: what it can have. */
  readonly maxBytes?: number;
}

/** The candidates, best first. */
export function backendCandidates({ only = 'auto', maxBytes }: CandidateOptions = {}): BackendCandidate[] {
  const memory = maxBytes === undefined ? {} : { maxBytes };
  const candidates: Readonly<Record<BackendName, BackendCandidate['create']>> = {
    cuda: () => createCudaBackend({ ...memory, requireGpu: only !== 'cuda' }),
    webgpu: () => createWebGpuBackend({ ...memory, requireGpu: only !== 'webgpu' }),
    cpu: () => createCpuBackend(memory),
  };
  return backendNames.map((name) => ({ name, create: candidates[name] }));
}

/** The candidates that flags ask for. */
export function candidatesFor(flags: { readonly backend: BackendName | 'auto'; readonly memory?: number | undefined }) {
  const { backend: only, memory } = flags;
  return backendCandidates({ only, ...(memory !== undefined && { maxBytes: memory }) });
}

/** What `selectBackend` is to be told of a choice by name. */
export function onlyBackend(name: BackendName | 'auto'): { readonly only?: BackendName } {
  return name === 'auto' ? {} : { only: name };
}
