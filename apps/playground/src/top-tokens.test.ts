import { expect, it } from 'vitest';
import { topTokens } from './top-tokens.ts';

it('are the most probable, by softmax, the most probable first', () => {
  const top = topTokens(Float32Array.of(0, 2, -1, 3, 1), 3);
  expect(top.map(({ id }) => id)).toEqual([3, 1, 4]);
  const sum = [0, 2, -1, 3, 1].reduce((total, logit) => total + Math.exp(logit), 0);
  for (const [at, { probability }] of top.entries()) expect(probability).toBeCloseTo(Math.exp(3 - at) / sum, 6);
});

it('are all there are when fewer are asked of', () => {
  expect(topTokens(Float32Array.of(1, 1), 5)).toEqual([
    { id: 0, probability: 0.5 },
    { id: 1, probability: 0.5 },
  ]);
});

it('do not overflow', () => {
  expect(topTokens(Float32Array.of(1000, 0), 1)).toEqual([{ id: 0, probability: 1 }]);
});
