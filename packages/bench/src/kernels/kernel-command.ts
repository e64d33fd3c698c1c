/** `inattention bench --kernels`: the kernel benches from the command line. Node only. */

import { selectBackend } from '@inattention/core';
import { createCpuBackend } from '@inattention/cpu';
import { createCudaBackend } from '@inattention/cuda';
import { createWebGpuBackend } from '@inattention/webgpu';
import { type BackendName, backendNames } from '../backend-names.ts';
import { backendCandidates } from '../backends.ts';
import { type BenchOutput, progressLines } from '../bench-output.ts';
import { environment } from '../environment.ts';
import { checkOutputs, deliver } from '../outputs.ts';
import { readMobyDick } from '../texts.ts';
import { tokenise } from '../tokenise.ts';
import { kernelMarkdown } from './kernel-markdown.ts';
import { kernelReport } from './kernel-report.ts';
import { loadCpuPeers, loadWebGpuPeers } from './node-peers.ts';
import { createProbe } from './probe.ts';
import { kernelSizes, runKernels } from './run-kernels.ts';

export interface KernelCommandOptions {
  /** Default cpu. `auto`: WebGPU where there is a graphics card. */
  readonly backend?: BackendName | 'auto';
  readonly threads?: readonly number[];
  readonly rounds?: number;
  readonly out?: string;
  readonly markdown?: string;
  readonly json?: boolean;
}

const defaultRounds = 15;
/** Fewer make no median to report. */
export const fewestRounds = 11;
/** Engines compile WebAssembly for speed only after some calls: more than 20 were needed. */
const cpuWarmUpCalls = 40;
/** Of GPUs: pipelines are compiled by the first call, and clocks rise with the next ones. */
const webGpuWarmUpCalls = 10;
/** ms of each contestant in each round. */
const turnTime = 20;

/** Measures with the sizes of the kernel benches and writes the result. */
export async function benchKernels(options: KernelCommandOptions, output: BenchOutput): Promise<void> {
  const { threads = [1], rounds = defaultRounds } = options;
  checkOutputs(options);
  const backend = options.backend === 'auto' ? await bestBackend() : (options.backend ?? 'cpu');
  const onCpu = backend === 'cpu';
  const result = await runKernels({
    backend,
    threads: onCpu ? threads : [null],
    rounds,
    warmUpCalls: onCpu ? cpuWarmUpCalls : webGpuWarmUpCalls,
    turnTime,
    sizes: kernelSizes,
    text: await tokenise(await readMobyDick(), Math.max(...kernelSizes.contexts)),
    environment: environment(),
    command: `inattention bench --kernels --backend ${backend}${onCpu ? ` --threads ${threads.join(',')}` : ''} --rounds ${rounds}`,
    signal: output.signal,
    createBackend: (count) =>
      count !== null
        ? createCpuBackend({ threads: count })
        : backend === 'cuda'
          ? createCudaBackend()
          : createWebGpuBackend(),
    loadPeers: async (count) => (count !== null ? loadCpuPeers(count) : backend === 'webgpu' ? loadWebGpuPeers() : []),
    createProbe,
    onProgress: progressLines(output),
  });
  const texts = { report: kernelReport(result), markdown: kernelMarkdown(result) };
  deliver(result, texts, options, output);
}

/** The name of the backend that other benches would take. */
async function bestBackend(): Promise<BackendName> {
  const { backend } = await selectBackend(backendCandidates());
  backend.dispose();
  return backendNames.find((name) => name === backend.name) ?? 'cpu';
}
