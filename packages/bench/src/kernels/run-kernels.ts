/**
 * The kernel benches in one run: the products and decode attention, on the CPU for each number of threads and with our
 * contexts too; contestants in turn, each checked before it is timed. Peers and the probe are the caller's to bring.
 */

import { type Backend, InvalidArgumentError } from '@inattention/core';
import type { BackendName } from '../backend-names.ts';
import type { SweepText } from '../result.ts';
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
import type { LoadedPeer } from './peer.ts';
import type { Probe } from './probe.ts';
import { type BenchParts, gemmBench, gemvBench } from './product-benches.ts';

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
  /** Ids for the longest context; null where there is no probe, since contexts are judged by it. */
  readonly text: SweepDocument | null;
  readonly environment: KernelResult['environment'];
  readonly command?: string;
  createBackend(threads: number | null): Promise<Backend>;
  /** The peers that run in the same place. */
  loadPeers(threads: number | null): Promise<readonly LoadedPeer[]>;
  /** The machine's limits, with memory for sums of so many bytes; null where they cannot be had. */
  readonly createProbe: ((threads: number, bytes: number) => Promise<Probe>) | null;
  /** Told what is about to be measured, and which peers are missing. */
  onProgress?(what: string): void;
}

/** Throws BackendUnavailableError when a contestant computes a wrong result, and AbortedError. */
export async function runKernels(options: KernelRunOptions): Promise<KernelResult> {
  const { threads, sizes, text, rounds, warmUpCalls, environment, command } = options;
  const ids = text?.ids ?? null;
  const devices: KernelResult['devices'][number][] = [];
  const peers: KernelPeer[] = [];
  const figures: KernelFigure[] = [];
  const ratios: KernelRatio[] = [];
  for (const count of threads) {
    using backend = await options.createBackend(count);
    if (count !== null) checkThreads(backend, count);
    const probe = count === null ? null : ((await options.createProbe?.(count, mostBytes(sizes))) ?? null);
    probe?.numbers.fill(1);
    try {
      const software = backend.info.details.software === true;
      devices.push({ threads: count, device: backend.info.device, software });
      const loaded = await options.loadPeers(count);
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
    text: text === null ? null : sourceOf(text),
    contexts: (text !== null && options.backend === 'cpu' ? sizes.contexts : []).map((tokens) => ({
      tokens,
      distinct: new Set(ids?.subarray(0, tokens)).size,
    })),
    figures,
    ratios,
  };
}

/** The contexts are measured by the limits of a probe: where there is one. */
function benchMakers(parts: BenchParts, sizes: KernelSizes, ids: Int32Array | null): (() => Promise<KernelBench>)[] {
  const { heads, headDim } = sizes;
  const { backend, probe } = parts;
  const contexts =
    probe === null || ids === null ? [] : sizes.contexts.map((tokens) => ({ probe, ids: ids.subarray(0, tokens) }));
  return [
    () => gemmBench(parts, sizes.gemm),
    () => gemvBench(parts, sizes.gemv),
    () => attentionBench(parts, { heads, headDim, length: sizes.attention }),
    ...contexts.map((own) => async () => contextBench(backend, own.probe, own.ids, { heads, headDim })),
  ];
}

function sourceOf({ title, source, licence, tokenizer }: SweepDocument): SweepText {
  return { title, source, licence, tokenizer };
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
