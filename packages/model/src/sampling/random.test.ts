import { describe, expect, test } from 'vitest';
import { Random } from './random.ts';

const take = (random: Random, count: number) => Array.from({ length: count }, () => random.uniform());

describe('Random', () => {
  test('a seed always gives the same numbers, another seed others', () => {
    expect(take(Random.seeded(7), 50)).toEqual(take(Random.seeded(7), 50));
    expect(take(Random.seeded(8), 50)).not.toEqual(take(Random.seeded(7), 50));
    expect(take(Random.seeded(-1), 5)).toEqual(take(Random.seeded(2 ** 32 - 1), 5)); // the same 32 bits
  });

  test('continues from a state that went through JSON, as often as asked', () => {
    const random = Random.seeded(3);
    take(random, 11);
    const state = JSON.parse(JSON.stringify(random.state)) as number[];
    const next = take(random, 20);
    expect(take(Random.fromState(state), 20)).toEqual(next);
    expect(take(Random.fromState(state), 20)).toEqual(next);
  });

  test('taking the state draws nothing, and a state does not change with later draws', () => {
    const [random, other] = [Random.seeded(3), Random.seeded(3)];
    const state = random.state;
    const copy = [...state];
    expect(take(random, 5)).toEqual(take(other, 5));
    expect([...state]).toEqual(copy);
  });

  test('uniform numbers fill [0, 1) evenly', () => {
    const bins = new Array<number>(10).fill(0);
    for (const value of take(Random.seeded(1), 20_000)) {
      expect(value >= 0 && value < 1).toBe(true);
      const bin = Math.floor(value * 10);
      bins[bin] = (bins[bin] as number) + 1;
    }
    for (const count of bins) expect(Math.abs(count - 2000)).toBeLessThan(5 * Math.sqrt(1800)); // 5 σ
  });

  test('the first numbers of neighbouring seeds are spread as evenly', () => {
    for (const draw of [0, 1]) {
      const bins = new Array<number>(10).fill(0);
      for (let seed = -1000; seed < 1000; seed += 1) {
        const bin = Math.floor((take(Random.seeded(seed), 2)[draw] as number) * 10);
        bins[bin] = (bins[bin] as number) + 1;
      }
      for (const count of bins) expect(Math.abs(count - 200)).toBeLessThan(5 * Math.sqrt(180)); // 5 σ
    }
  });

  test('normal numbers are finite, with mean 0, variance 1 and as many outside 2 σ as there should be', () => {
    const random = Random.seeded(2);
    const count = 20_000;
    const values = Array.from({ length: count }, () => random.normal());
    expect(values.every(Number.isFinite)).toBe(true);
    const mean = values.reduce((sum, value) => sum + value, 0) / count;
    const variance = values.reduce((sum, value) => sum + (value - mean) ** 2, 0) / count;
    const outside = values.filter((value) => Math.abs(value) > 2).length / count;
    expect(Math.abs(mean)).toBeLessThan(5 / Math.sqrt(count));
    expect(Math.abs(variance - 1)).toBeLessThan(5 * Math.sqrt(2 / count));
    expect(Math.abs(outside - 0.0455)).toBeLessThan(0.008);
  });

  test.each([0.5, Number.NaN, 2 ** 32, -(2 ** 31) - 1])('refuses the seed %d', (seed) => {
    expect(() => Random.seeded(seed)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  test.each([[[1, 2, 3]], [[1, 2, 3, 0.5]], [[1, 2, 3, 2 ** 31]], [[0, 0, 0, 0]]])('refuses the state %j', (state) => {
    expect(() => Random.fromState(state)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});
