/**
 * Products with weights in a GGUF file's blocks against the same in plain JavaScript: the very integers, and their sums
 * added up in the kernel's order, so that results are the same to the bit (where multiply-adds are fused: but for that).
 */

import {
  activationBlock,
  type Backend,
  type BlockDType,
  blockElements,
  bytesPerElement,
  decodeFloat16,
  decodeWeightBlocks,
  EagerOperations,
  encodeFloat16,
  encodeWeightBlocks,
  Tensor,
} from '@inattention/core';
import fc from 'fast-check';
import { afterAll, beforeAll, expect, test } from 'vitest';
import { createCpuBackend } from '../cpu-backend.ts';

let one: Backend;
let several: Backend;
beforeAll(async () => {
  one = await createCpuBackend({ threads: 1 });
  several = await createCpuBackend({ threads: 3 });
});
afterAll(() => {
  one.dispose();
  several.dispose();
});

/** Random numbers in [−1, 1), the same for a seed. */
function randomNumbers(seed: number): () => number {
  let state = seed;
  return () => {
    state = (Math.imul(state, 1664525) + 1013904223) >>> 0;
    return (state ^ (state >>> 15)) / 2 ** 31 - 1;
  };
}

/** Blocks of random integers (q8_0: −128 too), with scales from subnormal halves to large ones. */
function randomBlocks(dtype: BlockDType, blocks: number, random: () => number): Uint8Array {
  const blockBytes = blockElements * bytesPerElement[dtype];
  const bytes = Uint8Array.from({ length: blocks * blockBytes }, () => (random() + 1) * 128);
  const view = new DataView(bytes.buffer);
  for (let at = 0; at < bytes.length; at += blockBytes) {
    for (const offset of dtype === 'q4_1' ? [0, 2] : [0]) {
      const number = random() * 4 ** Math.floor(random() * 12);
      view.setUint16(at + offset, encodeFloat16(Float32Array.of(number))[0] as number, true);
    }
  }
  return bytes;
}

/** Rows of activations of very different magnitudes, some blocks all zero. */
function randomActivations(size: number, random: () => number): Float32Array {
  const magnitudes = Array.from({ length: size / blockElements }, () =>
    random() > 0.9 ? 0 : 2 ** Math.floor(random() * 20),
  );
  return Float32Array.from(
    { length: size },
    (_, i) => random() * (magnitudes[Math.floor(i / blockElements)] as number),
  );
}

/** One row of activations by one row of weights: block by block, in f32, as block-dots.ts adds. */
function dotOf(
  dtype: BlockDType,
  activations: Float32Array,
  weights: Uint8Array,
): { value: number; magnitude: number } {
  const view = new DataView(weights.buffer, weights.byteOffset, weights.byteLength);
  const half = (at: number) => decodeFloat16(Uint16Array.of(view.getUint16(at, true)))[0] as number;
  const blockBytes = blockElements * bytesPerElement[dtype];
  let value = 0;
  let magnitude = 0;
  for (let block = 0; block < activations.length / blockElements; block += 1) {
    const start = block * blockElements;
    const { scale, values } = activationBlock(activations.subarray(start, start + blockElements));
    const at = block * blockBytes;
    let dot = 0;
    values.forEach((q, i) => {
      const pair = weights[at + 4 + (i & 15)] as number;
      dot += q * (dtype === 'q4_1' ? (i < 16 ? pair & 15 : pair >>> 4) : view.getInt8(at + 2 + i));
    });
    const product = Math.fround(Math.fround(dot) * Math.fround(half(at) * scale));
    value = Math.fround(value + product);
    magnitude += Math.abs(product);
    if (dtype !== 'q4_1') continue;
    const sum = Math.fround(scale * values.reduce((total, q) => total + q, 0));
    const shift = Math.fround(half(at + 2) * sum);
    value = Math.fround(value + shift);
    magnitude += Math.abs(shift);
  }
  return { value, magnitude };
}

test.each(['q4_1', 'q8_0'] as const)(
  '%s: products are those of the integers, whatever rows and threads',
  async (dtype) => {
    const fused = one.info.device.includes('relaxed');
    const property = fc.asyncProperty(
      fc.nat(),
      fc.integer({ min: 1, max: 5 }),
      fc.integer({ min: 1, max: 9 }),
      fc.integer({ min: 1, max: 70 }),
      async (seed, pairs, rows, columns) => {
        const random = randomNumbers(seed);
        const inner = 2 * pairs * blockElements;
        const weights = randomBlocks(dtype, (columns * inner) / blockElements, random);
        const activations = randomActivations(rows * inner, random);
        const results = await Promise.all(
          [one, several].map(async (backend) => {
            const operations = new EagerOperations(backend);
            using weight = Tensor.fromEncoded(backend, dtype, weights, [columns, inner], 'weights');
            using input = operations.upload(activations, [rows, inner]);
            using together = operations.linear(input, weight);
            using last = operations.slice(input, rows - 1, 1);
            using alone = operations.linear(last, weight);
            const all = await together.readFloat32();
            expect(await alone.readFloat32()).toEqual(all.slice((rows - 1) * columns)); // to the bit
            return all;
          }),
        );
        const [result] = results as [Float32Array];
        expect(results[1]).toEqual(result);
        const rowBytes = inner * bytesPerElement[dtype];
        result.forEach((got, i) => {
          const row = Math.floor(i / columns) * inner;
          const column = (i % columns) * rowBytes;
          const { value, magnitude } = dotOf(
            dtype,
            activations.subarray(row, row + inner),
            weights.subarray(column, column + rowBytes),
          );
          if (fused) expect(Math.abs(got - value)).toBeLessThanOrEqual(magnitude * 2e-6);
          else expect(got).toBe(value);
        });
      },
    );
    await fc.assert(property, { numRuns: 60 });
  },
);

test.each([63, 64, 65, 513, 600])('%d rows give what each gives alone', async (rows) => {
  const operations = new EagerOperations(several);
  const random = randomNumbers(rows);
  const weights = encodeWeightBlocks('q4_1', randomActivations(13 * 64, random), 'w');
  using weight = Tensor.fromEncoded(several, 'q4_1', weights, [13, 64], 'weights');
  using input = operations.upload(randomActivations(rows * 64, random), [rows, 64]);
  using together = operations.linear(input, weight);
  const all = await together.readFloat32();
  for (const row of [0, 1, 62, rows - 2, rows - 1]) {
    using part = operations.slice(input, row, 1);
    using alone = operations.linear(part, weight);
    expect(await alone.readFloat32()).toEqual(all.slice(row * 13, (row + 1) * 13));
  }
});

test.each(['q4_1', 'q8_0'] as const)('%s: rows are gathered as the very numbers of the blocks', async (dtype) => {
  const operations = new EagerOperations(one);
  const bytes = randomBlocks(dtype, 7 * 2, randomNumbers(5));
  const numbers = new Float32Array(7 * 64);
  decodeWeightBlocks(dtype, bytes, numbers);
  using table = Tensor.fromEncoded(one, dtype, bytes, [7, 64], 'weights');
  using ids = operations.index([6, 0, -1, 3, 3]);
  using rows = operations.embed(table, ids);
  const expected = [6, 0, -1, 3, 3].flatMap((id) =>
    id < 0 ? [...new Float32Array(64)] : [...numbers.slice(id * 64, id * 64 + 64)],
  );
  expect([...(await rows.readFloat32())]).toEqual(expected);
  expect(await table.readEncoded()).toEqual(bytes);
});

test.each([Number.NaN, Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY])(
  'activations of %d do not come out as numbers',
  async (value) => {
    const operations = new EagerOperations(one);
    const weights = encodeWeightBlocks('q4_1', new Float32Array(5 * 64).fill(1), 'w');
    using weight = Tensor.fromEncoded(one, 'q4_1', weights, [5, 64], 'weights');
    for (const rows of [1, 5]) {
      const activations = new Float32Array(rows * 64).fill(1);
      activations[33] = value;
      using product = operations.linear(operations.upload(activations, [rows, 64]), weight);
      const result = await product.readFloat32();
      expect([...result.slice(0, 5)]).toEqual(Array(5).fill(Number.NaN));
      expect([...result.slice(5)]).toEqual(Array((rows - 1) * 5).fill(64));
    }
  },
);
