/** The rate of a plain matrix product, measured in the same run as everything else. */

import { type Backend, EagerOperations, Tensor } from '@inattention/core';
import { median } from '../statistics.ts';

const size = 512;
const warmUps = 5;
const rounds = 9;

/** Floating-point operations per second of x Wᵀ at 512 × 512 × 512, median of 9 after 5 warm-ups. */
export async function measureGemm(backend: Backend): Promise<number> {
  const operations = new EagerOperations(backend);
  const ones = new Float32Array(size * size).fill(1 / size);
  using a = Tensor.from(backend, ones, [size, size], 'activations');
  using b = Tensor.from(backend, ones, [size, size], 'activations');
  const times: number[] = [];
  for (let round = 0; round < warmUps + rounds; round += 1) {
    const start = performance.now();
    using _product = operations.linear(a, b);
    await backend.sync();
    times.push(performance.now() - start);
  }
  return (2 * size ** 3 * 1000) / median(times.slice(warmUps));
}
