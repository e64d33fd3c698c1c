/**
 * A training step beside the same step in other libraries and a matrix product, in interleaved rounds: every round takes one
 * turn of each, and shares and ratios are medians of those of the rounds, so that a machine that slows down slows all of
 * them. The losses of the first steps are compared before anything is timed: all must compute the same step.
 */

import { type Backend, BackendUnavailableError, throwIfAborted } from '@inattention/core';
import type { KernelPeer } from '../kernels/kernel-result.ts';
import type { Shape } from '../shapes.ts';
import { median } from '../statistics.ts';
import { measureGemm } from '../sweep/gemm.ts';
import { ownStep } from './own-step.ts';
import type { StepContestant } from './step-contestant.ts';
import { stepFlops, stepFlopsFormula } from './step-flops.ts';
import { type StepFigure, type StepRatio, type TrainingResult, trainingResultSchema } from './training-result.ts';
import { type StepTask, stepTask } from './training-shape.ts';

/** A library to measure beside ours, on one thread. */
export interface StepPeer {
  /** Why it cannot be measured, and how to install it; or its version and a contestant for each task. */
  open(task: StepTask): Promise<(StepContestant & { readonly version: string }) | { readonly missing: string }>;
  readonly name: string;
}

export interface TrainingBenchOptions {
  readonly shape: Shape;
  readonly texts: number;
  readonly length: number;
  readonly windows: readonly number[];
  /** Numbers of threads of ours; peers have one. */
  readonly threads: readonly number[];
  readonly rounds: number;
  readonly warmUpSteps: number;
  readonly peers: readonly StepPeer[];
  createBackend(threads: number): Promise<Backend>;
  readonly environment: Readonly<Record<string, string | number>>;
  readonly command: string;
  readonly signal?: AbortSignal | undefined;
  readonly onProgress?: ((what: string) => void) | undefined;
}

/** Losses are of some thousand roundings of 6e-8, in another order in each library. */
const tolerance = 1e-4;

/** Throws BackendUnavailableError when contestants' losses differ by more than 1e-4, AbortedError. */
export async function runTraining(options: TrainingBenchOptions): Promise<TrainingResult> {
  const { shape, texts, length, windows, threads, rounds, warmUpSteps, signal, onProgress } = options;
  const created = new Date().toISOString();
  const backends: { readonly threads: number; readonly backend: Backend }[] = [];
  const contestants: StepContestant[] = [];
  const peers = new Map<string, KernelPeer>();
  try {
    for (const count of threads) backends.push({ threads: count, backend: await options.createBackend(count) });
    for (const window of windows) {
      const task = stepTask(shape, window, texts, length);
      for (const { threads: count, backend } of backends) contestants.push(ownStep(backend, count, task));
      for (const { name, open } of options.peers) {
        const opened = await open(task);
        if ('missing' in opened) {
          peers.set(name, { name, version: null, missing: opened.missing });
        } else {
          peers.set(name, { name, version: opened.version });
          contestants.push(opened);
        }
      }
    }
    const losses = new Map<StepContestant, number[]>();
    for (const contestant of contestants) {
      onProgress?.(`${labelOf(contestant)}: ${warmUpSteps} steps to warm up`);
      const first: number[] = [];
      for (let step = 0; step < warmUpSteps; step += 1) {
        throwIfAborted(signal, 'The bench');
        const { loss } = await contestant.step();
        if (step < comparedSteps) first.push(loss);
      }
      losses.set(contestant, first);
    }
    for (const contestant of contestants) checkLosses(contestant, contestants, losses);

    const turns = new Map(contestants.map((contestant) => [contestant, { ms: [] as number[], cpu: [] as number[] }]));
    const products = new Map(threads.map((count) => [count, [] as number[]]));
    for (let round = 1; round <= rounds; round += 1) {
      onProgress?.(`round ${round} of ${rounds}`);
      for (const { threads: count, backend } of backends) products.get(count)?.push(await measureGemm(backend));
      for (const contestant of contestants) {
        throwIfAborted(signal, 'The bench');
        const cpu = process.cpuUsage();
        const { ms } = await contestant.step();
        const { user, system } = process.cpuUsage(cpu);
        turns.get(contestant)?.ms.push(ms);
        turns.get(contestant)?.cpu.push((user + system) / 1000 / ms);
      }
    }

    const flops = windows.map((window) => {
      const { config } = stepTask(shape, window, texts, length);
      return { window, flops: stepFlops(config, texts, length) };
    });
    const flopsOf = (window: number) => flops.find((each) => each.window === window)?.flops ?? Number.NaN;
    const timesOf = (contestant: StepContestant) => turns.get(contestant)?.ms ?? [];
    const figures = contestants.map((contestant): StepFigure => {
      const { name, kind, window, threads: count, note, inProcess } = contestant;
      const times = timesOf(contestant);
      const medianMs = median(times);
      const rates = times.map((ms) => (flopsOf(window) / ms) * 1000);
      const shares = rates.map((rate, round) => rate / (products.get(count)?.[round] ?? Number.NaN));
      return {
        contestant: name,
        kind,
        window,
        threads: count,
        medianMs,
        fastestMs: Math.min(...times),
        tokensPerSecond: (texts * length * 1000) / medianMs,
        flopRate: (flopsOf(window) / medianMs) * 1000,
        shareOfGemm: kind === 'ours' ? median(shares) : null,
        cpuPerWall: inProcess ? median(turns.get(contestant)?.cpu ?? []) : null,
        losses: losses.get(contestant) ?? [],
        ...(note !== undefined && { note }),
      };
    });
    const ratios = contestants.flatMap((ours) => {
      if (ours.kind !== 'ours') return [];
      return contestants
        .filter(({ kind, window }) => kind === 'peer' && window === ours.window)
        .map((other): StepRatio => {
          const own = timesOf(ours);
          const speed = median(timesOf(other).map((ms, round) => ms / (own[round] ?? Number.NaN)));
          return { window: ours.window, threads: ours.threads, other: other.name, speed };
        });
    });
    const { name: _, ...sizes } = shape;
    return {
      schema: trainingResultSchema,
      created,
      command: options.command,
      environment: options.environment,
      devices: backends.map(({ threads: count, backend }) => ({ threads: count, device: backend.info.device })),
      shape: sizes,
      ...{ texts, length, rounds, warmUpSteps, flopsFormula: stepFlopsFormula, flops },
      gemm: [...products].map(([count, rates]) => ({ threads: count, flopRate: median(rates) })),
      peers: [...peers.values()],
      figures,
      ratios,
    };
  } finally {
    for (const contestant of contestants) contestant.dispose();
    for (const { backend } of backends) backend.dispose();
  }
}

/** Steps whose losses are compared: the second's depends on gradients and AdamW, the third's on its moments. */
const comparedSteps = 3;

function labelOf({ name, window, threads }: StepContestant): string {
  return `${name}, w = ${window}, ${threads} thread${threads === 1 ? '' : 's'}`;
}

/** Each contestant against the first one of its window. */
function checkLosses(
  contestant: StepContestant,
  all: readonly StepContestant[],
  losses: ReadonlyMap<StepContestant, readonly number[]>,
): void {
  const reference = all.find(({ window }) => window === contestant.window) as StepContestant;
  const expected = losses.get(reference) ?? [];
  const got = losses.get(contestant) ?? [];
  const wrong = expected.findIndex((loss, step) => !(Math.abs((got[step] ?? Number.NaN) / loss - 1) <= tolerance));
  if (wrong === -1) return;
  throw new BackendUnavailableError({
    what: `${labelOf(contestant)} computes another step than ${labelOf(reference)}.`,
    got: `a loss of ${got[wrong]} at step ${wrong + 1}`,
    expected: `${expected[wrong]}, or within ${tolerance} of it`,
    fix: 'measure nothing until both compute the same',
  });
}
