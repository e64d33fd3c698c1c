import { expect, test, vi } from 'vitest';
import { numbers, relativeError } from '../../test/compare-numbers.ts';
import { trialsOf } from '../../test/kernel-trial.ts';
import { openDevice } from '../device/open-device.ts';
import { adamw } from './adamw.ts';

vi.setConfig({ testTimeout: 120_000 });

const { device } = await openDevice({ limits: 'default' });

const settings = [
  { learningRate: 0.02, beta1: 0.9, beta2: 0.95, epsilon: 1e-8, weightDecay: 0.1, step: 1 },
  { learningRate: 0.3, beta1: 0, beta2: 0.999, epsilon: 0.5, weightDecay: 0, step: 2000 },
];

test.each(trialsOf(device))('adamw: $name', async ({ create }) => {
  const trial = create();
  for (const length of [1, 2, 7, 64, 65, 1024, 50_003]) {
    for (const options of settings) {
      const { learningRate, beta1, beta2, epsilon, weightDecay, step } = options;
      const [p, g, m] = [numbers(length, 1), numbers(length, 2, 0.5), numbers(length, 3, 0.3)];
      const v = numbers(length, 4, 0.4).map((x) => x * x);
      for (const zero of [g, m, v]) zero[length > 1 ? 1 : 2] = 0; // a gradient that has been 0 all along
      const first = Array.from(m, (x, i) => beta1 * x + (1 - beta1) * (g[i] as number));
      const second = Array.from(v, (x, i) => beta2 * x + (1 - beta2) * (g[i] as number) ** 2);
      const next = Array.from(p, (x, i) => {
        const root = Math.sqrt((second[i] as number) / (1 - beta2 ** step)) + epsilon;
        return x - learningRate * ((first[i] as number) / (1 - beta1 ** step) / root + weightDecay * x);
      });
      const [parameter, gradient] = [trial.floats([length], p), trial.floats([length], g)];
      const [firstMoment, secondMoment] = [trial.floats([length], m), trial.floats([length], v)];
      adamw(trial.runner, { parameter, gradient, firstMoment, secondMoment, ...options });
      expect(relativeError(await trial.read(firstMoment), first)).toBeLessThan(1e-6);
      expect(relativeError(await trial.read(secondMoment), second)).toBeLessThan(1e-6);
      expect(relativeError(await trial.read(parameter), next)).toBeLessThan(4e-6);
      expect(await trial.read(gradient)).toEqual(g);
    }
  }
  await trial.dispose();
});
