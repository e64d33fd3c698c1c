/** Weights in narrow dtypes: what one row of activations (decoding) gives is what many rows give. */

import { EagerOperations, encodeFloat16, quantizeBlocks, Tensor } from '@inattention/core';
import { expect, test } from 'vitest';
import { createCpuBackend } from '../cpu-backend.ts';

const wave = (count: number) => Float32Array.from({ length: count }, (_, i) => Math.sin(i * 0.7) * (1 + (i % 5)));

/** Rows of x Wᵀ computed one at a time, and all at once. */
async function bothWays(operations: EagerOperations, input: Tensor, weight: Tensor) {
  const together = await operations.linear(input, weight).readFloat32();
  const alone: number[] = [];
  for (let row = 0; row < (input.shape[0] as number); row += 1) {
    alone.push(...(await operations.linear(operations.slice(input, row, 1), weight).readFloat32()));
  }
  return { together, alone };
}

test.each(['f16', 'i8'] as const)('%s: one row gives what twenty give', async (dtype) => {
  using backend = await createCpuBackend();
  const operations = new EagerOperations(backend);
  for (const inner of [4, 8, 12, 20, 28, 32, 36, 60, 64, 100, 260, 776]) {
    for (const columns of [1, 3, 4, 37]) {
      const shape = [columns, inner];
      const numbers = wave(columns * inner);
      const weight =
        dtype === 'f16'
          ? Tensor.from(backend, encodeFloat16(numbers), shape, 'weights')
          : Tensor.fromBlocks(backend, quantizeBlocks(numbers, shape), 'weights');
      const { together, alone } = await bothWays(operations, operations.upload(wave(20 * inner), [20, inner]), weight);
      const largest = together.reduce((most, x) => Math.max(most, Math.abs(x)), 0);
      alone.forEach((x, i) => {
        expect(Math.abs(x - (together[i] as number))).toBeLessThan(1e-5 * largest);
      });
    }
  }
});

test('infinities and NaN among f16 weights come out as they go in', async () => {
  using backend = await createCpuBackend();
  const operations = new EagerOperations(backend);
  for (const inner of [4, 7, 16, 40]) {
    for (const place of [0, inner - 1]) {
      const numbers = new Float32Array(4 * inner).fill(1);
      [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN].forEach((value, row) => {
        numbers[row * inner + place] = value;
      });
      const weight = Tensor.from(backend, encodeFloat16(numbers), [4, inner], 'weights');
      const input = operations.upload(new Float32Array(2 * inner).fill(1), [2, inner]);
      const { together, alone } = await bothWays(operations, input, weight);
      const row = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY, Number.NaN, inner];
      expect([...together]).toEqual([...row, ...row]);
      expect(alone).toEqual([...row, ...row]);
    }
  }
});
