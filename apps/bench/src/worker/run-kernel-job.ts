/** The kernel benches in a browser: on one thread of the processor or on WebGPU, beside libraries that run in the same place. */

import { type AnyResult, type KernelSizes, kernelSizes, runKernels } from '@inattention/bench';
import { createCpuBackend } from '@inattention/cpu';
import { createWebGpuBackend } from '@inattention/webgpu';
import type { KernelJob } from '../jobs.ts';
import { browserEnvironment } from './backends.ts';
import type { JobCalls } from './run-job.ts';

/** No contexts: they are judged by a probe of the machine, which browsers do not let measure its own processor time. */
const full: KernelSizes = { ...kernelSizes, contexts: [] };
const small: KernelSizes = { gemm: 128, gemv: 256, heads: 4, headDim: 64, attention: 256, contexts: [] };

/** Engines compile WebAssembly for speed only after some calls; pipelines are compiled by the first one. */
const warmUpCalls = { cpu: 40, webgpu: 10 } as const;
/** ms of each contestant in each round. */
const turnTime = 20;

export async function runKernelJob(job: KernelJob, { signal, onProgress }: JobCalls): Promise<AnyResult> {
  const { backend, rounds } = job;
  onProgress({ what: job.peers ? 'loading the libraries' : 'starting', share: null });
  const loadPeers = job.peers ? (await import('../peers/load-peers.ts')).loadPeers : async () => [];
  return runKernels({
    backend,
    threads: [backend === 'cpu' ? 1 : null],
    rounds,
    warmUpCalls: warmUpCalls[backend],
    turnTime,
    sizes: job.sizes === 'full' ? full : small,
    text: null,
    environment: browserEnvironment(),
    createBackend: (threads) => (threads === null ? createWebGpuBackend() : createCpuBackend({ threads })),
    loadPeers: () => loadPeers(backend),
    createProbe: null,
    signal,
    onProgress: (what) => onProgress({ what, share: null }),
  });
}
