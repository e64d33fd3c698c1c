import type { AttendArguments, Backend } from '@inattention/core';
import { createCpuBackend } from '@inattention/cpu';
import { expect, test } from 'vitest';
import { checkResult } from './check-result.ts';
import type { KernelBench } from './contestant.ts';
import { contextBench, kvName } from './context-bench.ts';
import { createProbe } from './probe.ts';

const sizes = { heads: 3, headDim: 16 };
/** Three pages, the last one short, and ids that come again. */
const ids = Int32Array.from({ length: 700 }, (_, i) => 1000 + ((i * i * 7 + (i >> 3)) % 411));
const kvBytes = 8 * sizes.heads * sizes.headDim * ids.length;

async function withBench<T>(backend: Backend, work: (bench: KernelBench) => Promise<T>): Promise<T> {
  const probe = await createProbe(1, kvBytes);
  const bench = contextBench(backend, probe, ids, sizes);
  try {
    return await work(bench);
  } finally {
    for (const contestant of bench.contestants) await contestant.dispose();
    bench.dispose();
    probe.dispose();
  }
}

function errorsOf(bench: KernelBench): Promise<(readonly [string, string])[]> {
  return Promise.all(
    bench.contestants.map(async (contestant) => {
      const check = checkResult(bench.name, contestant, (who) => bench.expected(who));
      return [contestant.name, await check.then(String, (error: Error) => error.message)] as const;
    }),
  );
}

/** A backend that attends with other arguments than it was given. */
function altered(backend: Backend, alter: (args: AttendArguments) => AttendArguments): Backend {
  return { ...backend, fused: { ...backend.fused, attend: (args) => backend.fused.attend?.(alter(args)) } };
}

test('contexts of every kind are attended to as the float64 loop does, and leave nothing behind', async () => {
  using backend = await createCpuBackend({ threads: 1 });
  const before = backend.ledger.snapshot().liveTotal;
  await withBench(backend, async (bench) => {
    expect(bench.against).toBe(kvName);
    expect(bench.contestants.map(({ name, kind, unit }) => `${kind}: ${name}, ${unit}`)).toEqual([
      'limit: SIMD sum over as many bytes, B/s',
      'ours: kv, B/s',
      'ours: tables, w = 1, rope, flop/s',
      'ours: tables, w = 3, rope, flop/s',
      'ours: tables, w = 1, alibi, flop/s',
      'ours: tables, w = 1, none, flop/s',
    ]);
    const [limit, ...ours] = await errorsOf(bench);
    expect(limit?.[1]).toBe('null');
    for (const [name, error] of ours) expect(Number(error), `${name}: ${error}`).toBeLessThan(2e-5);
    const kv = bench.contestants.find(({ name }) => name === kvName);
    expect(kv?.work).toBe(kvBytes);
    expect(bench.contestants[0]?.work).toBe(kvBytes);
  });
  expect(backend.ledger.snapshot().liveTotal).toBe(before);
});

test.each<[string, (args: AttendArguments) => AttendArguments, readonly string[]]>([
  ['the last entry', (args) => ({ ...args, to: args.to - 1 }), [kvName, 'tables, w = 3, rope']],
  ['1/rms', ({ context, ...args }) => ({ ...args, context: { ...context, scale: null } }), ['tables, w = 1, none']],
  ['rotation', ({ context, ...args }) => ({ ...args, context: { ...context, rope: null } }), ['tables, w = 1, rope']],
  ['the distance penalty', (args) => ({ ...args, slopes: null }), ['tables, w = 1, alibi']],
  ['the division by √C', (args) => ({ ...args, scale: 1 }), [kvName, 'tables, w = 1, none']],
])('a kernel that forgets %s is caught', async (_, alter, wrong) => {
  using backend = await createCpuBackend({ threads: 1 });
  const errors = new Map(await withBench(altered(backend, alter), errorsOf));
  for (const name of wrong) expect(errors.get(name)).toMatch(new RegExp(`${name} computes a wrong result`));
});

test('a backend without an attention kernel is refused', async () => {
  using backend = await createCpuBackend({ threads: 1 });
  await expect(withBench({ ...backend, fused: {} }, errorsOf)).rejects.toThrow(/no attention kernel of its own/);
  expect(backend.ledger.snapshot().liveTotal).toBe(0);
});
