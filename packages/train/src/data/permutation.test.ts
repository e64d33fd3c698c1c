import fc from 'fast-check';
import { expect, it } from 'vitest';
import { hash32, uniform } from './hash.ts';
import { permutation } from './permutation.ts';
import { samplePositions } from './sample-positions.ts';

const word = fc.nat(0xffff_ffff);

/** Sum of (observed − expected)² / expected. */
function chiSquare(observed: readonly number[], expected: number): number {
  return observed.reduce((sum, count) => sum + (count - expected) ** 2 / expected, 0);
}

// From an implementation of its own in Python (mmh3 5), over little-endian 64-bit integers.
it('is MurmurHash3', () => {
  expect(hash32(0)).toBe(1669671676);
  expect(hash32(1, 2)).toBe(3381608592);
  expect(hash32(2 ** 32 + 5, 7, 2 ** 53 - 1)).toBe(2828705519);
});

it('gives each number of a range once', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 3000 }), word, word, (count, seed, epoch) => {
      const numberAt = permutation(count, seed, epoch);
      const seen = new Uint8Array(count);
      for (let i = 0; i < count; i += 1) seen[numberAt(i)] = 1;
      expect(seen.indexOf(0)).toBe(-1);
    }),
  );
});

it('stays within ranges that no list could hold, and never gives a number twice there', () => {
  for (const count of [2 ** 32 + 1, 2 ** 47 - 5, 2 ** 48]) {
    const numberAt = permutation(count, 7, 0);
    const numbers = Array.from({ length: 2000 }, (_, i) => numberAt(i < 1000 ? i : count - 1 - i));
    expect(numbers.every((number) => Number.isInteger(number) && number >= 0 && number < count)).toBe(true);
    expect(new Set(numbers).size).toBe(2000);
    // Spread over the whole range: 16 cells, 15 degrees of freedom, 99.99 % below 44.3.
    const cells = Array.from({ length: 16 }, () => 0);
    for (const number of numbers) cells[Math.floor((number / count) * 16)] += 1;
    expect(chiSquare(cells, 125)).toBeLessThan(44.3);
  }
});

it('brings each number to each place equally often, over keys', () => {
  for (const count of [2, 3, 5, 16, 17]) {
    const runs = 400 * count;
    const cells = Array.from({ length: count * count }, () => 0);
    for (let seed = 0; seed < runs; seed += 1) {
      const numberAt = permutation(count, seed, 1);
      for (let i = 0; i < count; i += 1) cells[i * count + numberAt(i)] += 1;
    }
    // Mean (count − 1)², standard deviation about √2 (count − 1); five of those.
    const freedom = (count - 1) ** 2;
    expect(chiSquare(cells, runs / count)).toBeLessThan(freedom + 5 * Math.sqrt(2 * freedom) + 5);
  }
});

it('orders each epoch anew', () => {
  const orders = [0, 1, 2].map((epoch) => Array.from({ length: 50 }, (_, i) => permutation(50, 3, epoch)(i)).join());
  expect(new Set(orders).size).toBe(3);
});

it('draws different positions, ascending, as many as asked for', () => {
  fc.assert(
    fc.property(fc.integer({ min: 1, max: 500 }), fc.integer({ min: 1, max: 600 }), word, (length, count, seed) => {
      const positions = [...samplePositions(length, count, seed)];
      expect(positions).toHaveLength(Math.min(length, count));
      expect(positions).toEqual([...new Set(positions)].sort((a, b) => a - b));
      expect(positions.every((position) => position >= 0 && position < length)).toBe(true);
      expect([...samplePositions(length, count, seed)]).toEqual(positions);
    }),
  );
});

it('draws each position, and each pair of them, equally often', () => {
  const [length, count, runs] = [12, 4, 6600];
  const single = Array.from({ length }, () => 0);
  const pairs = new Map<string, number>();
  for (let seed = 0; seed < runs; seed += 1) {
    const positions = samplePositions(length, count, seed, 5);
    for (const a of positions) {
      single[a] += 1;
      for (const b of positions) if (a < b) pairs.set(`${a} ${b}`, (pairs.get(`${a} ${b}`) ?? 0) + 1);
    }
  }
  expect(pairs.size).toBe(66);
  expect(chiSquare(single, (runs * count) / length)).toBeLessThan(11 + 5 * Math.sqrt(22));
  expect(chiSquare([...pairs.values()], (runs * 6) / 66)).toBeLessThan(65 + 5 * Math.sqrt(130));
});

it('is uniform in [0, 1)', () => {
  const cells = Array.from({ length: 100 }, () => 0);
  for (let i = 0; i < 20_000; i += 1) cells[Math.floor(uniform(9, i) * 100)] += 1;
  expect(chiSquare(cells, 200)).toBeLessThan(99 + 5 * Math.sqrt(198));
});
