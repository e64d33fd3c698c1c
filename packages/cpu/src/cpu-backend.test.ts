import { EagerOperations, Tensor } from '@inattention/core';
import { describe, expect, test } from 'vitest';
import { createCpuBackend } from './cpu-backend.ts';

describe('createCpuBackend', () => {
  test('says what it is and what it can', async () => {
    using backend = await createCpuBackend({ maxBytes: 2 ** 20 });
    expect(backend).toMatchObject({ specificationVersion: 'v1', name: 'cpu' });
    expect(backend.capabilities.maxTotalBytes).toBe(2 ** 20);
    expect(backend.info.device).toContain('SIMD');
    const relaxed = process.execArgv.includes('--experimental-wasm-relaxed-simd');
    if (relaxed) expect(backend.info.device).toContain('relaxed');
  });

  test('shares work between as many threads as asked for; refuses what is no number of threads', async () => {
    using one = await createCpuBackend({ threads: 1 });
    using three = await createCpuBackend({ threads: 3 });
    expect([one, three].map(({ info }) => info.details.threads)).toEqual([1, 3]);
    const [rows, inner, columns] = [70, 130, 90];
    const numbers = (count: number) => Float32Array.from({ length: count }, (_, place) => Math.sin(place));
    const products = await Promise.all(
      [one, three].map(async (backend) => {
        const operations = new EagerOperations(backend);
        const a = operations.upload(numbers(rows * inner), [rows, inner]);
        const b = operations.upload(numbers(inner * columns), [inner, columns]);
        return operations.matmul(a, b).read();
      }),
    );
    expect(products[1]).toEqual(products[0]);
    await expect(createCpuBackend({ threads: 0 })).rejects.toThrow(/number of threads/);
    await expect(createCpuBackend({ threads: 1.5 })).rejects.toThrow(/number of threads/);
  });

  test('goes on working after many small jobs, and lets its threads go', async () => {
    const backend = await createCpuBackend({ threads: 2 });
    const operations = new EagerOperations(backend);
    const a = operations.upload(
      Float32Array.from({ length: 64 * 512 }, () => 1),
      [64, 512],
    );
    const b = operations.upload(
      Float32Array.from({ length: 512 * 64 }, () => 1),
      [512, 64],
    );
    for (let round = 0; round < 300; round += 1) operations.matmul(a, b).dispose();
    await new Promise((resolve) => setTimeout(resolve, 5)); // long enough for the other thread to sleep
    expect(new Set(await operations.matmul(a, b).read())).toEqual(new Set([512]));
    backend.dispose();
    backend.dispose();
  });

  test('tensors of another backend, freed buffers and disposed backends are refused', async () => {
    const backend = await createCpuBackend();
    using other = await createCpuBackend();
    const operations = new EagerOperations(backend);
    const foreign = Tensor.from(other, Float32Array.of(1, 2), [2], 'activations');
    const own = operations.upload(Float32Array.of(1, 2), [2]);
    expect(() => operations.add(own, foreign)).toThrow(/another backend/);
    expect(() => backend.write(foreign.buffer, 0, Float32Array.of(1))).toThrow(/another backend/);
    const { buffer } = own;
    own.dispose();
    expect(() => backend.primitives.exp({ input: view(buffer), out: view(buffer) })).toThrow(/freed/);
    backend.dispose();
    expect(() => backend.allocate(4, 'scratch')).toThrow(/disposed/);
    await expect(backend.read(buffer, 0, 4)).rejects.toMatchObject({ code: 'DISPOSED' });
    await expect(backend.sync()).rejects.toMatchObject({ code: 'DISPOSED' });
  });

  test('transfers stay within their buffer', async () => {
    using backend = await createCpuBackend();
    const buffer = backend.allocate(8, 'scratch');
    expect(() => backend.write(buffer, 4, Float32Array.of(1, 2))).toThrow(/beyond its buffer/);
    await expect(backend.read(buffer, 0, 12)).rejects.toThrow(/beyond its buffer/);
    await expect(backend.read(buffer, -4, 4)).rejects.toThrow(/beyond its buffer/);
    backend.write(buffer, 4, Float32Array.of(7));
    expect(new Float32Array(await backend.read(buffer, 4, 4))).toEqual(Float32Array.of(7));
  });

  test('addresses above 2 GiB compute as others do, and 4 GiB is the end', async () => {
    using backend = await createCpuBackend();
    const operations = new EagerOperations(backend);
    const composed = new EagerOperations(backend, { fused: false });
    using low = Tensor.allocate(backend, [600, 2 ** 20], 'f32', 'weights');
    expect(low.size).toBe(600 * 2 ** 20);
    const a = operations.upload(
      Float32Array.from({ length: 65 * 40 }, (_, i) => (i % 7) - 3),
      [65, 40],
    );
    const b = operations.upload(
      Float32Array.from({ length: 33 * 40 }, (_, i) => (i % 5) - 2),
      [33, 40],
    );
    const product = await operations.linear(a, b).readFloat32();
    const row = (start: number, step: number, shift: number) => (k: number) => ((start + k) % step) - shift;
    for (const [r, c] of [
      [0, 0],
      [64, 32],
      [13, 7],
    ] as const) {
      const [left, right] = [row(r * 40, 7, 3), row(c * 40, 5, 2)];
      let sum = 0;
      for (let k = 0; k < 40; k += 1) sum += left(k) * right(k);
      expect(product[r * 33 + c]).toBe(sum);
    }
    const heads = operations.reshape(a, [65, 5, 8]);
    const positions = operations.index(Int32Array.from({ length: 65 }, (_, i) => i));
    const options = { positions, firstPosition: 0, scale: 0.3, slopes: null };
    const fused = await operations.attention(heads, heads, heads, options).readFloat32();
    const expected = await composed.attention(heads, heads, heads, options).readFloat32();
    fused.forEach((value, i) => {
      expect(Math.abs(value - (expected[i] as number))).toBeLessThan(1e-5);
    });
    expect(() => Tensor.allocate(backend, [600, 2 ** 20], 'f32', 'weights')).toThrow(/out of memory/);
  });
});

function view(buffer: Tensor['buffer']) {
  return { buffer, byteOffset: 0, dtype: 'f32' as const, shape: [2] };
}
