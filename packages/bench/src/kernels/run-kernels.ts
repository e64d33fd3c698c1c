/**
 * The kernel benches in one run: the products and decode attention, on the CPU for each number of threads and with our
 * contexts too; contestants in turn, each checked before it is timed. Node only.
 */

import { type Backend, InvalidArgumentError } from '@inattention/core';
import type { BackendName } from '../backends.ts';
import type { SweepDocument } from '../sweep/sweep.ts';
import { attentionBench } from './attention-bench.ts';
import type { KernelBench } from './contestant.ts';
import { contextBench } from './context-bench.ts';
import { ratiosOfBench } from './kernel-ratios.ts';
import {
  type KernelFigure,
  type KernelPeer,
  type KernelRatio,
  type KernelResult,
  kernelSchema,
} from './kernel-result.ts';
import { type MeasureOptions, measureBench } from './measure-bench.ts';
import { loadOnnxruntime, onnxruntimeName } from './onnxruntime-peer.ts';
import { loadOnnxruntimeWebGpu, onnxruntimeWebGpuName } from './onnxruntime-webgpu-peer.ts';
import { loadPeer, type Peer } from './peer.ts';
import { createProbe, type Probe } from './probe.ts';
import { type BenchParts, gemmBench, gemvBench } from './product-benches.ts';
import { loadTfjs, tfjsName, tfjsPackages } from './tfjs-peer.ts';
import { loadTfjsWebGpu, tfjsWebGpuName, tfjsWebGpuPackages } from './tfjs-webgpu-peer.ts';

export interface KernelSizes {
  readonly gemm: number;
  readonly gemv: number;
  readonly heads: number;
  readonly headDim: number;
  /** N of decode attention. */
  readonly attention: number;
  /** N of our contexts. */
  readonly contexts: readonly number[];
}

/** GPT-2's attention; matrices and contexts at which the limits show. */
export const kernelSizes: KernelSizes = {
  gemm: 512,
  gemv: 2048,
  heads: 12,
  headDim: 64,
  attention: 4096,
  contexts: [4096, 32_768],
};

export interface KernelRunOptions extends Omit<MeasureOptions, 'threads'> {
  readonly backend: BackendName;
  /** Numbers of threads on the CPU; [null] on other backends. */
  readonly threads: readonly (number | null)[];
  readonly sizes: KernelSizes;
  /** Ids for the longest context. */
  readonly text: SweepDocument;
  readonly environment: KernelResult['environment'];
  readonly command?: string;
  createBackend(threads: number | null): Promise<Backend>;
  /** Told what is about to be measured, and which peers are missing. */
  onProgress?(what: string): void;
}

/** Throws BackendUnavailableError when a contestant computes a wrong result, and AbortedError. */
export async function runKernels(options: KernelRunOptions): Promise<KernelResult> {
  const { threads, sizes, text, rounds, warmUpCalls, environment, command } = options;
  const { ids, ...source } = text;
  const devices: KernelResult['devices'][number][] = [];
  const peers: KernelPeer[] = [];
  const figures: KernelFigure[] = [];
  const ratios: KernelRatio[] = [];
  for (const count of threads) {
    using backend = await options.createBackend(count);
    if (count !== null) checkThreads(backend, count);
    const probe = count === null ? null : await createProbe(count, mostBytes(sizes));
    probe?.numbers.fill(1);
    try {
      const software = backend.info.details.software === true;
      devices.push({ threads: count, device: backend.info.device, software });
      const loaded =
        count !== null ? await loadPeers(count) : options.backend === 'webgpu' ? await loadWebGpuPeers() : [];
      for (const { facts } of loaded) {
        if (peers.some(({ name }) => name === facts.name)) continue;
        peers.push(facts);
        if (facts.missing !== undefined) options.onProgress?.(facts.missing);
      }
      const parts = { backend, probe, peers: loaded.flatMap(({ peer }) => (peer === null ? [] : [peer])) };
      for (const make of benchMakers(parts, sizes, ids)) {
        const bench = await make();
        options.onProgress?.(count === null ? bench.name : `${bench.name}, ${counted(count)}`);
        try {
          const measured = await measureBench(bench, { ...options, threads: count });
          figures.push(...measured);
          ratios.push(...ratiosOfBench(bench, measured));
        } finally {
          for (const contestant of bench.contestants) await contestant.dispose();
          bench.dispose();
        }
      }
    } finally {
      probe?.dispose();
    }
  }
  return {
    schema: kernelSchema,
    created: new Date().toISOString(),
    ...(command !== undefined && { command }),
    environment,
    backend: options.backend,
    devices,
    rounds,
    warmUpCalls,
    peers,
    text: source,
    contexts: (options.backend === 'cpu' ? sizes.contexts : []).map((tokens) => ({
      tokens,
      distinct: new Set(ids.subarray(0, tokens)).size,
    })),
    figures,
    ratios,
  };
}

/** The contexts are measured by the limits of a probe: where there is one. */
function benchMakers(parts: BenchParts, sizes: KernelSizes, ids: Int32Array): (() => Promise<KernelBench>)[] {
  const { heads, headDim } = sizes;
  const { backend, probe } = parts;
  const contexts = probe === null ? [] : sizes.contexts;
  return [
    () => gemmBench(parts, sizes.gemm),
    () => gemvBench(parts, sizes.gemv),
    () => attentionBench(parts, { heads, headDim, length: sizes.attention }),
    ...contexts.map(
      (tokens) => async () => contextBench(backend, probe as Probe, ids.subarray(0, tokens), { heads, headDim }),
    ),
  ];
}

async function loadWebGpuPeers(): ReturnType<typeof loadPeers> {
  return [
    await loadPeer(onnxruntimeWebGpuName, [onnxruntimeName], loadOnnxruntimeWebGpu),
    await loadPeer(tfjsWebGpuName, tfjsWebGpuPackages, loadTfjsWebGpu),
  ];
}

/** tfjs-backend-wasm takes part with one thread only: it has no others in Node. */
async function loadPeers(threads: number): Promise<{ readonly facts: KernelPeer; readonly peer: Peer | null }[]> {
  const loaded = [await loadPeer(onnxruntimeName, [onnxruntimeName], () => loadOnnxruntime(threads))];
  if (threads === 1) loaded.push(await loadPeer(tfjsName, tfjsPackages, loadTfjs));
  return loaded;
}

/** The most bytes any bench reads: what the probe must be able to. */
function mostBytes({ gemv, heads, headDim, attention, contexts }: KernelSizes): number {
  return Math.max(4 * gemv * gemv, 8 * heads * headDim * Math.max(attention, ...contexts));
}

function counted(threads: number): string {
  return `${threads} thread${threads === 1 ? '' : 's'}`;
}

function checkThreads({ info }: Backend, wanted: number): void {
  const { threads = 1 } = info.details;
  if (threads === wanted) return;
  throw new InvalidArgumentError({
    what: 'The backend does not have as many threads as were asked for.',
    got: String(threads),
    expected: String(wanted),
    fix: 'ask for fewer',
  });
}
