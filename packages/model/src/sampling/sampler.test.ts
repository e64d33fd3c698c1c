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

  test('equals at the edge of top-k go to the lower ids', () => {
    const equal = new Float32Array(6).fill(2);
    const sampler = new Sampler({ temperature: 1, topK: 2, seed: 5 });
    const drawn = new Set(Array.from({ length: 200 }, () => sampler.sample(equal, none).token));
    expect([...drawn].sort()).toEqual([0, 1]);
  });

  test('top-p counts every token that top-k left, min-p those that top-p left', () => {
    const probabilities = [0.4, 0.3, 0.1, 0.1, 0.1];
    const own = Float32Array.from(probabilities, Math.log);
    const drawn = (options: SamplingOptions) => {
      const sampler = new Sampler({ temperature: 1, seed: 5, ...options });
      return [...new Set(Array.from({ length: 400 }, () => sampler.sample(own, none).token))].sort();
    };
    expect(drawn({ topP: 0.5 })).toEqual([0, 1]);
    expect(drawn({ topP: 0.5, minP: 0.5 })).toEqual([0, 1]); // 0.4 is not half of everything
    expect(drawn({ topP: 0.5, topK: 2 })).toEqual([0]); // but more than half of 0.7
    expect(drawn({ topP: 0.75, minP: 0.5 })).toEqual([0, 1]);
    expect(drawn({ minP: 1 })).toEqual([0]);
  });

  test('the log probability is that of the distribution drawn from', () => {
    const sampler = new Sampler({ temperature: 0.5, topK: 3, seed: 9 });
    const weights = new Map([1, 2, 3].map((token) => [token, Math.exp((logits[token] as number) / 0.5)]));
    const total = [...weights.values()].reduce((sum, weight) => sum + weight, 0);
    const seen = new Set<number>();
    for (let draw = 0; draw < 200; draw += 1) {
      const { token, logProbability } = sampler.sample(logits, none);
      seen.add(token);
      expect(logProbability).toBeCloseTo(Math.log((weights.get(token) ?? 0) / total), 6);
    }
    expect([...seen].sort()).toEqual([1, 2, 3]);
  });

  test('extreme temperatures and logits draw real tokens', () => {
    const wild = Float32Array.of(-3e38, 3e38, 0, 3e38);
    for (const temperature of [1e-320, 1e-6, 1, 1e308]) {
      const { token, logProbability } = new Sampler({ temperature, seed: 1 }).sample(wild, none);
      expect(wild[token] !== undefined && logProbability <= 0 && Number.isFinite(logProbability)).toBe(true);
    }
    expect(new Sampler().sample(wild, none)).toEqual({ token: 1, logProbability: -Math.log(2) });
    expect(new Sampler({ temperature: 1 }).sample(Float32Array.of(5), none)).toEqual({ token: 0, logProbability: 0 });
  });

  test('negative logits are multiplied by the penalty, and a window of 0 sees nothing', () => {
    const below = Float32Array.of(-1, -1.5);
    expect(new Sampler({ repetitionPenalty: 2 }).sample(below, Int32Array.of(0)).token).toBe(1);
    expect(new Sampler({ repetitionPenalty: 2, repetitionWindow: 0 }).sample(below, Int32Array.of(0)).token).toBe(0);
    expect(new Sampler({ repetitionPenalty: 2 }).sample(below, Int32Array.of(0, 0, 0)).token).toBe(1); // once each
  });

  test('keeps its own options and nothing else, so that its state can be saved', () => {
    const wider = { temperature: 1, maxTokens: 5, stop: ['x'] };
    expect(Object.keys(new Sampler(wider).state.options).sort()).toEqual(Object.keys(new Sampler().options).sort());
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
    { repetitionPenalty: Number.POSITIVE_INFINITY },
    { seed: 0.5 },
    { seed: 2 ** 32 },
  ])('refuses %j', (options) => {
    expect(() => new Sampler(options)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
  });

  test('refuses a state with an impossible seed or random state', () => {
    const { options, random } = new Sampler().state;
    for (const state of [
      { options: { ...options, seed: 0.5 }, random },
      { options, random: random.slice(1) },
    ]) {
      expect(() => Sampler.restore(state)).toThrow(expect.objectContaining({ code: 'INVALID_ARGUMENT' }));
    }
  });
});
