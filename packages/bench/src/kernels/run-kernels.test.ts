import { type Backend, BackendUnavailableError } from '@inattention/core';
import { createCpuBackend } from '@inattention/cpu';
import { describe, expect, test, vi } from 'vitest';
import { readMobyDick } from '../texts.ts';
import { tokenise } from '../tokenise.ts';
import { checkResult } from './check-result.ts';
import type { Contestant } from './contestant.ts';
import { loadCpuPeers } from './node-peers.ts';
import { loadPeer } from './peer.ts';
import { createProbe } from './probe.ts';
import { type KernelRunOptions, runKernels } from './run-kernels.ts';

const sizes = { gemm: 48, gemv: 64, heads: 2, headDim: 32, attention: 300, contexts: [300, 700] };

// Engines of peers are compiled, on machines that may be busy.
vi.setConfig({ testTimeout: 60_000 });

const text = tokenise(await readMobyDick(), 700);

async function run(options: Partial<KernelRunOptions> = {}) {
  return runKernels({
    backend: 'cpu',
    threads: [1],
    rounds: 3,
    warmUpCalls: 2,
    turnTime: 0.1,
    sizes,
    text: await text,
    environment: { runtime: 'test' },
    createBackend: (threads) => createCpuBackend({ threads: threads ?? 1 }),
    loadPeers: (threads) => loadCpuPeers(threads ?? 1),
    createProbe,
    ...options,
  });
}

describe('runKernels', () => {
  test('measures every bench with every contestant on one thread and on two', async () => {
    const { schema, devices, peers, contexts, figures, ratios } = await run({ threads: [1, 2] });
    expect(schema).toBe('inattention-kernels/3');
    expect(devices.map(({ threads }) => threads)).toEqual([1, 2]);
    expect(peers.map(({ name, version }) => [name, typeof version])).toEqual([
      ['onnxruntime-web', 'string'],
      ['tfjs-backend-wasm', 'string'],
    ]);
    expect(contexts.map(({ tokens }) => tokens)).toEqual([300, 700]);
    const counted = (threads: number, kind: string) =>
      figures.filter((figure) => figure.threads === threads && figure.kind === kind).length;
    expect([1, 2].map((threads) => counted(threads, 'limit'))).toEqual([5, 5]);
    expect([1, 2].map((threads) => counted(threads, 'ours'))).toEqual([14, 14]);
    expect([1, 2].map((threads) => counted(threads, 'peer'))).toEqual([8, 4]);
    for (const figure of figures) {
      expect(figure.rounds).toBe(3);
      expect(figure.medianMs).toBeGreaterThan(0);
      expect(figure.fastestMs).toBeLessThanOrEqual(figure.medianMs);
      expect(figure.error === null).toBe(figure.kind === 'limit');
      expect(figure.counts).toBe((figure.cpuPerWall as number) >= 0.9 * (figure.threads as number));
    }
    // Three benches against each peer, and four kinds of tables against kv in two contexts.
    expect(ratios.filter(({ threads }) => threads === 1)).toHaveLength(3 * 2 + 4 * 2);
    expect(ratios.filter(({ threads }) => threads === 2)).toHaveLength(3 + 4 * 2);
    for (const { bench, threads, ours, other, speed } of ratios) {
      const time = (name: string) =>
        figures.find((figure) => figure.bench === bench && figure.threads === threads && figure.contestant === name)
          ?.medianMs as number;
      expect(speed).toBe(time(other) / time(ours));
    }
  });

  test('a peer’s ratio is made with its better way of being fed', async () => {
    const { figures, ratios } = await run();
    for (const peer of ['onnxruntime-web', 'tfjs-backend-wasm']) {
      const ways = figures.filter(({ contestant }) => contestant.startsWith(`${peer}, K and V`));
      expect(ways).toHaveLength(2);
      const [better] = ways.sort((one, other) => one.medianMs - other.medianMs);
      const ratio = ratios.filter(({ other }) => ways.some(({ contestant }) => contestant === other));
      expect(ratio.map(({ other }) => other)).toEqual([better?.contestant]);
    }
  });

  test.each(['matmul', 'attend'] as const)('a wrong %s ends the run, and its memory is given back', async (kernel) => {
    let backend: Backend | null = null;
    const createBackend = async (): Promise<Backend> => {
      backend = spoilt(await createCpuBackend({ threads: 1 }), kernel);
      return backend;
    };
    await expect(run({ createBackend })).rejects.toMatchObject({
      code: 'BACKEND_UNAVAILABLE',
      what: expect.stringContaining('wrong result'),
    });
    expect((backend as Backend | null)?.ledger.snapshot().liveTotal).toBe(0);
  });

  test('it can be cancelled', async () => {
    const signal = AbortSignal.abort();
    await expect(run({ signal })).rejects.toMatchObject({ code: 'ABORTED' });
  });
});

test('one wrong number in a result is found', async () => {
  const contestant = (result: Float32Array): Contestant => ({
    ...{ name: 'x', kind: 'peer', work: 1, unit: 'B/s', run: () => undefined, dispose: () => undefined },
    result: async () => result,
  });
  const expected = () => Float64Array.of(1, -2, 3);
  expect(await checkResult('sums', contestant(Float32Array.of(1, -2, 3)), expected)).toBe(0);
  for (const wrong of [
    [1, -2, 3.001],
    [1, Number.NaN, 3],
    [1, -2],
    [1, -2, 3, 0],
  ]) {
    const checked = checkResult('sums', contestant(Float32Array.from(wrong)), expected);
    await expect(checked).rejects.toMatchObject({ code: 'BACKEND_UNAVAILABLE' });
  }
});

test('a peer that does not start is missing, with why', async () => {
  const { facts, peer } = await loadPeer('no-adapter', ['x'], async () => {
    throw new BackendUnavailableError({ what: 'There is no adapter.' });
  });
  expect(peer).toBe(null);
  expect(facts).toMatchObject({ version: null, missing: expect.stringContaining('There is no adapter.') });
});

test('a peer that is not installed is missing, with the command that installs it', async () => {
  const { facts, peer } = await loadPeer('no-such-peer', ['no-such-peer'], async () => {
    const name: string = 'no-such-peer';
    return import(name);
  });
  expect(peer).toBe(null);
  expect(facts).toMatchObject({ name: 'no-such-peer', version: null, missing: expect.stringContaining('npm install') });
});

test.each([1, 2, 3])('the probe sums all the memory it is to read on %i threads', async (threads) => {
  const bytes = 128 * 12;
  const probe = await createProbe(threads, bytes);
  try {
    for (const place of [0, 100, bytes / 4 - 1]) {
      probe.numbers.fill(1, 0, bytes / 4);
      probe.numbers[place] = 11;
      expect(probe.sum(bytes)).toBe(bytes / 4 + 10);
    }
    probe.multiplyAdd();
    expect(probe.sum(bytes)).toBe(bytes / 4 + 10);
  } finally {
    probe.dispose();
  }
});

/** A backend one of whose kernels errs in one number. */
function spoilt(backend: Backend, kernel: 'matmul' | 'attend'): Backend {
  const spoil = (out: Parameters<Backend['primitives']['fill']>[0]['out']) =>
    backend.write(out.buffer, out.byteOffset + 8, Float32Array.of(0.5));
  const { primitives, fused } = backend;
  if (kernel === 'matmul') {
    const matmul: typeof primitives.matmul = (args) => {
      primitives.matmul(args);
      spoil(args.out);
    };
    return { ...backend, primitives: { ...primitives, matmul } };
  }
  const attend: NonNullable<typeof fused.attend> = (args) => {
    fused.attend?.(args);
    spoil(args.out);
  };
  return { ...backend, fused: { ...fused, attend } };
}
