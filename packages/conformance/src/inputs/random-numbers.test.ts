import { expect, it } from 'vitest';
import { randomNumbers } from './random-numbers.ts';

it('repeats itself for a seed, and only for that', () => {
  const numbers = (seed: number) => [...randomNumbers(seed).normals(8)];
  expect(numbers(1)).toEqual(numbers(1));
  expect(numbers(1)).not.toEqual(numbers(2));
});

it('gives normal numbers that are exactly f32', () => {
  const numbers = randomNumbers(5).normals(20000, 3);
  const mean = numbers.reduce((a, b) => a + b, 0) / numbers.length;
  const variance = numbers.reduce((a, b) => a + (b - mean) ** 2, 0) / numbers.length;
  expect(Math.abs(mean)).toBeLessThan(0.1);
  expect(Math.abs(Math.sqrt(variance) - 3)).toBeLessThan(0.1);
  expect([...numbers]).toEqual([...Float32Array.from(numbers)]);
});

it('gives every integer below the bound, and no other', () => {
  const random = randomNumbers(9);
  const seen = new Set(Array.from({ length: 200 }, () => random.integer(7)));
  expect([...seen].sort()).toEqual([0, 1, 2, 3, 4, 5, 6]);
});
