import type { TensorView } from '@inattention/core';
import { afterAll, describe, expect, it, vi } from 'vitest';
import { createWebGpuBackend, formatProfile, openDevice, traceOf } from '../index.ts';

vi.setConfig({ testTimeout: 120_000 });

const { device } = await openDevice();
afterAll(() => device.destroy());

describe('profile', () => {
  it('times every dispatch, counts its bytes, and gives back what it took', async () => {
    using backend = await createWebGpuBackend({ device });
    const out: TensorView = { buffer: backend.allocate(4096, 'scratch'), byteOffset: 0, dtype: 'f32', shape: [1024] };
    const { result, profile } = await backend.profile(async () => {
      for (let i = 0; i < 3; i += 1) backend.primitives.fill({ out, value: i });
      return new Float32Array(await backend.read(out.buffer, 0, 4));
    });
    expect([...result]).toEqual([2]);
    expect(profile.submissions).toBe(1);
    expect(profile.kernels).toMatchObject([{ kernel: 'fill', dispatches: 3, bytes: 3 * 4096 }]);
    for (const { begin, end } of profile.dispatches) {
      if (device.features.has('timestamp-query')) expect(Number(end)).toBeGreaterThanOrEqual(Number(begin));
      else expect([begin, end]).toEqual([null, null]);
    }
    backend.free(out.buffer);
    backend.trim();
    expect(backend.ledger.snapshot()).toMatchObject({ liveTotal: 0, reserved: 0 });
  });

  it('leaves nothing on when its work fails', async () => {
    using backend = await createWebGpuBackend({ device });
    const failure = new Error('of the work');
    await expect(backend.profile(() => Promise.reject(failure))).rejects.toBe(failure);
    const { profile } = await backend.profile(() => Promise.resolve());
    expect(profile).toEqual({ dispatches: [], kernels: [], submissions: 0 });
  });
});

describe('a product', () => {
  it('tells what its kernel loads and stores beside the least', async () => {
    for (const kernels of ['gpu', 'software'] as const) {
      using backend = await createWebGpuBackend({ device, kernels });
      const matrix = (): TensorView => {
        const buffer = backend.allocate(256 * 256 * 4, 'scratch');
        return { buffer, byteOffset: 0, dtype: 'f32', shape: [1, 256, 256] };
      };
      const [a, b, out] = [matrix(), matrix(), matrix()];
      const sizes = { batch: 1, rows: 256, columns: 256, inner: 256, strideA: 0, strideB: 0 };
      const shared = { ...sizes, transposeA: false, transposeB: false, scale: 1, accumulate: false };
      const { profile } = await backend.profile(async () => {
        backend.primitives.matmul({ a, b, out, ...shared });
        await backend.sync();
      });
      const matmul = profile.kernels.find(({ kernel }) => kernel === 'matmul');
      const size = 256 * 256;
      expect(matmul).toMatchObject({ dispatches: 1, flops: 2 * 256 * size, bytes: 12 * size });
      // Tiles of 32 × 32, in whose 256 / 32 columns and rows every element is read once; 8 × 8 results in registers.
      const times = kernels === 'gpu' ? 256 / 32 : 256 / 8;
      expect(matmul?.traffic).toEqual({ accesses: (size * (2 * times + 1)) / 4, bytes: 4 * size * (2 * times + 1) });
      expect(formatProfile(profile)).toMatch(new RegExp(`^matmul .*${((2 * times + 1) / 3).toFixed(2)}$`, 'm'));
      for (const { buffer } of [a, b, out]) backend.free(buffer);
    }
  });
});

const dispatch = { workgroups: [2, 1, 1] as const, flops: 4e9, bytes: 1e9, traffic: { accesses: 2e8, bytes: 3.2e9 } };
const timed = {
  submissions: 1,
  dispatches: [
    { kernel: 'matmul', ...dispatch, begin: 5_000_000, end: 9_000_000 },
    { kernel: 'fill', ...dispatch, begin: 9_500_000, end: 10_000_000 },
  ],
  kernels: [
    { kernel: 'matmul', dispatches: 1, flops: 4e9, bytes: 1e9, traffic: dispatch.traffic, milliseconds: 4 },
    { kernel: 'fill', dispatches: 1, flops: 0, bytes: 1e9, traffic: null, milliseconds: null },
  ],
};

describe('formatProfile', () => {
  it('gives rates where there are times', () => {
    expect(
      formatProfile(timed)
        .split('\n')
        .map((line) => line.trim().split(/ {2,}/)),
    ).toEqual([
      ['kernel', 'dispatches', 'ms', '%', 'GFLOP', 'GFLOP/s', 'MB', 'GB/s', 'FLOP/byte', 'access/FLOP', 'of least'],
      ['matmul', '1', '4.000', '100.0', '4.0000', '1000.00', '1000.000', '250.00', '4.00', '0.0500', '3.20'],
      ['fill', '1', '-', '-', '0.0000', '-', '1000.000', '-', '0.00', '-', '-'],
      ['2 dispatches in 1 submission, 4.000 ms on the device'],
    ]);
  });
});

describe('traceOf', () => {
  it('is a list of complete events in microseconds from the first', () => {
    const { traceEvents } = traceOf(timed);
    expect(traceEvents.map(({ name, ph, ts, dur }) => [name, ph, ts, dur])).toEqual([
      ['matmul', 'X', 0, 4000],
      ['fill', 'X', 4500, 500],
    ]);
    expect(JSON.parse(JSON.stringify(traceEvents[0])).args).toEqual({
      workgroups: '2×1×1',
      flops: 4e9,
      bytes: 1e9,
      accesses: 2e8,
      accessedBytes: 3.2e9,
    });
  });
});
