/**
 * Times the contestants of a bench in turn, round by round, so that a slow spell of the machine meets all of them. Before
 * each turn there is a pause, in which threads of the turn before fall asleep, and a call that is not timed.
 */

import { throwIfAborted } from '@inattention/core';
import { median } from '../statistics.ts';
import { checkResult } from './check-result.ts';
import type { Contestant, KernelBench } from './contestant.ts';
import type { KernelFigure } from './kernel-result.ts';
import { processorTime } from './processor-time.ts';

export interface MeasureOptions {
  /** Null where the work is not done by threads of this process. */
  readonly threads: number | null;
  readonly rounds: number;
  /** Calls of each contestant before the first round; engines compile hot loops only after some. */
  readonly warmUpCalls: number;
  /** ms that the calls of a contestant in one round are to take; at least one call is made. */
  readonly turnTime: number;
  readonly signal?: AbortSignal | undefined;
}

/** Share of a processor that every thread must have had. */
const busyShare = 0.9;

/** ms over which the process has to be at rest before a turn, and how often that is waited for. */
const restMs = 5;
const restTries = 60;
/** Share of a processor that counts as rest. */
const restShare = 0.2;

interface Turns {
  readonly contestant: Contestant;
  readonly error: number | null;
  readonly calls: number;
  readonly times: number[];
  /** null where processor time is not told. */
  cpuMs: number | null;
  wallMs: number;
}

/** Checks and warms every contestant, then measures. Throws what checkResult does, and AbortedError. */
export async function measureBench(bench: KernelBench, options: MeasureOptions): Promise<KernelFigure[]> {
  const all: Turns[] = [];
  for (const contestant of bench.contestants) {
    const error = await checkResult(bench.name, contestant, (who) => bench.expected(who));
    all.push({ contestant, error, calls: await warmUp(contestant, options), times: [], cpuMs: 0, wallMs: 0 });
  }
  for (let round = 0; round < options.rounds; round += 1) {
    for (let turn = 0; turn < all.length; turn += 1) {
      throwIfAborted(options.signal, 'the kernel benches');
      // Each round begins with another contestant: none always follows the same one.
      await takeTurn(all[(turn + round) % all.length] as Turns);
    }
  }
  const limit = all.find(({ contestant }) => contestant.kind === 'limit');
  return all.map((turns) => figureOf(bench.name, turns, limit, options));
}

/** Makes the calls before the first round, and returns how many make up a turn. */
async function warmUp(contestant: Contestant, { warmUpCalls, turnTime, signal }: MeasureOptions): Promise<number> {
  let fastest = Number.POSITIVE_INFINITY;
  for (let call = 0; call < warmUpCalls; call += 1) {
    throwIfAborted(signal, 'the kernel benches');
    const start = performance.now();
    await contestant.run();
    fastest = Math.min(fastest, performance.now() - start);
  }
  return Math.min(1000, Math.max(1, Math.ceil(turnTime / Math.max(fastest, 0.001))));
}

async function takeTurn(turns: Turns): Promise<void> {
  const { contestant, calls, times } = turns;
  await rest();
  await contestant.run();
  const cpuStart = processorTime();
  const start = performance.now();
  for (let call = 0; call < calls; call += 1) await contestant.run();
  const wallMs = performance.now() - start;
  const cpuEnd = processorTime();
  times.push(wallMs / calls);
  turns.wallMs += wallMs;
  turns.cpuMs = turns.cpuMs === null || cpuStart === null || cpuEnd === null ? null : turns.cpuMs + cpuEnd - cpuStart;
}

/**
 * Waits until threads of the turn before sleep: engines let theirs spin for work, some for tens of ms. Where processor time
 * is not told, a pause has to do.
 */
async function rest(): Promise<void> {
  for (let attempt = 0; attempt < restTries; attempt += 1) {
    const before = processorTime();
    const start = performance.now();
    await new Promise((resolve) => setTimeout(resolve, restMs));
    const after = processorTime();
    if (before === null || after === null || after - before < restShare * (performance.now() - start)) return;
  }
}

function figureOf(
  bench: string,
  { contestant, error, calls, times, cpuMs, wallMs }: Turns,
  limit: Turns | undefined,
  { threads }: MeasureOptions,
): KernelFigure {
  const { name, kind, unit, work, note } = contestant;
  const medianMs = median(times);
  const rate = (work * 1000) / medianMs;
  const limited = limit !== undefined && limit.contestant !== contestant && limit.contestant.unit === unit;
  const cpuPerWall = cpuMs === null ? null : cpuMs / wallMs;
  return {
    bench,
    contestant: name,
    kind,
    threads,
    medianMs,
    fastestMs: Math.min(...times),
    rounds: times.length,
    callsPerRound: calls,
    rate,
    unit,
    shareOfLimit: limited ? rate / ((limit.contestant.work * 1000) / median(limit.times)) : null,
    cpuPerWall,
    counts: threads === null || cpuPerWall === null || cpuPerWall >= busyShare * threads,
    error,
    ...(note !== undefined && { note }),
  };
}
