import { describe, expect, test } from 'vitest';
import { Sampler, type SamplingOptions } from './sampler.ts';

const none = new Int32Array(0);
const logits = Float32Array.of(1, 3, 2, 3, -1);

function counts(options: SamplingOptions, draws = 4000): number[] {
  const sampler = new Sampler({ temperature: 1, seed: 1, ...options });
  const result = Array<number>(logits.length).fill(0);
  for (let draw = 0; draw < draws; draw += 1) {
    const { token } = sampler.sample(logits, none);
    result[token] = (result[token] as number) + 1;
  }
  return result;
}

describe('Sampler', () => {
  test('temperature 0 takes the likeliest token, the lowest id among equals', () => {
    const { token, logProbability } = new Sampler().sample(logits, none);
    expect(token).toBe(1);
    const total = logits.reduce((sum, logit) => sum + Math.exp(logit), 0);
    expect(logProbability).toBeCloseTo(3 - Math.log(total), 6);
  });

  test('draws in proportion to softmax(logits / temperature)', () => {
    for (const temperature of [1, 0.5]) {
      const weights = Array.from(logits, (logit) => Math.exp(logit / temperature));
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      counts({ temperature }).forEach((count, token) => {
        expect(Math.abs(count / 4000 - (weights[token] as number) / total)).toBeLessThan(0.03);
      });
    }
  });

  test('top-k, top-p and min-p keep the tokens they should', () => {
    const drawn = (options: SamplingOptions) => counts(options).flatMap((count, token) => (count > 0 ? [token] : []));
    expect(drawn({ topK: 2 })).toEqual([1, 3]);
    expect(drawn({ topK: 3 })).toEqual([1, 2, 3]);
    expect(drawn({ topP: 0.5 })).toEqual([1, 3]);
    expect(drawn({ topP: 0.01 })).toEqual([1]);
    expect(drawn({ minP: 0.9 })).toEqual([1, 3]);
    expect(drawn({ minP: 0.3 })).toEqual([1, 2, 3]);
  });

  test('the repetition penalty lowers tokens seen lately, and leaves the logits alone', () => {
    const sampler = new Sampler({ repetitionPenalty: 2, repetitionWindow: 2 });
    expect(sampler.sample(logits, Int32Array.of(1)).token).toBe(3);
    expect(sampler.sample(logits, Int32Array.of(1, 3)).token).toBe(2);
    expect(sampler.sample(logits, Int32Array.of(1, 0, 0)).token).toBe(1);
    expect([...logits]).toEqual([1, 3, 2, 3, -1]);
  });

  test('a seed repeats its draws, and a saved state continues them', () => {
    const draw = (sampler: Sampler) => Array.from({ length: 20 }, () => sampler.sample(logits, none).token);
    const options = { temperature: 1, seed: 7 };
    const sampler = new Sampler(options);
    expect(draw(new Sampler(options))).toEqual(draw(sampler));
    const restored = Sampler.restore(structuredClone(sampler.state));
    const fork = sampler.fork();
    const next = draw(sampler);
    expect(draw(restored)).toEqual(next);
    expect(draw(fork)).toEqual(next);
    expect(draw(new Sampler({ ...options, seed: 8 }))).not.toEqual(draw(new Sampler(options)));
  });

  test.each([
    { temperature: -1 },
    { temperature: Number.NaN },
    { topK: 0 },
    { topK: 1.5 },
    { topP: 0 },
    { topP: 1.1 },
    { minP: 2 },
    { repetitionPenalty: 0 },
    { repetitionWindow: -1 },
    { seed: 0.5 },
  ])('refuses %j', (options) => {
    expect(() => new Sampler(options)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });
});
