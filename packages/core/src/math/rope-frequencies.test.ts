/** Rotary frequencies against numbers worked out by hand, and against what the kinds of scaling promise. */

import { describe, expect, it, test } from 'vitest';
import { createHostBackend } from '../testing/host-backend.ts';
import { createRopeAngles } from './rope-angles.ts';
import {
  type Llama3RopeScaling,
  ntkTheta,
  type RopeScaling,
  ropeFrequencies,
  type YarnRopeScaling,
  yarnAttentionFactor,
} from './rope-frequencies.ts';

const llama3: Llama3RopeScaling = {
  kind: 'llama3',
  factor: 8,
  lowFrequencyFactor: 1,
  highFrequencyFactor: 4,
  originalLength: 8192,
};
const yarn: YarnRopeScaling = {
  kind: 'yarn',
  factor: 4,
  originalLength: 2048,
  betaFast: 32,
  betaSlow: 1,
  attentionFactor: yarnAttentionFactor(4),
  truncate: true,
};
const ratios = (headDim: number, theta: number, scaling: RopeScaling) => {
  const plain = ropeFrequencies(headDim, theta).frequencies;
  return [...ropeFrequencies(headDim, theta, scaling).frequencies].map(
    (scaled, pair) => (plain[pair] as number) / scaled,
  );
};

test('plain: theta^(−2c/C), amplitude 1', () => {
  const { frequencies, amplitude } = ropeFrequencies(8, 10_000);
  expect([...frequencies].map((frequency) => frequency.toPrecision(12))).toEqual(
    [1, 0.1, 0.01, 0.001].map((frequency) => frequency.toPrecision(12)),
  );
  expect(amplitude).toBe(1);
});

test('linear: all divided by the factor', () => {
  for (const ratio of ratios(16, 500, { kind: 'linear', factor: 2.5 })) expect(ratio).toBeCloseTo(2.5, 12);
});

test('llama3: short wavelengths stay, long ones are stretched by the factor, those between by less', () => {
  const found = ratios(128, 500_000, llama3);
  const wavelength = (pair: number) => 2 * Math.PI * 500_000 ** (pair / 64);
  found.forEach((ratio, pair) => {
    if (wavelength(pair) < 8192 / 4) expect(ratio).toBe(1);
    else if (wavelength(pair) > 8192) expect(ratio).toBeCloseTo(8, 12);
    else {
      const kept = (8192 / wavelength(pair) - 1) / 3;
      expect(ratio).toBeCloseTo(1 / (kept + (1 - kept) / 8), 12);
    }
  });
  expect(new Set(found.map((ratio) => ratio.toFixed(6))).size).toBeGreaterThan(4);
});

describe('yarn', () => {
  it('ramps between the pairs that turn 32 times and once in the original length', () => {
    // 64 · ln(2048 / 32 / 2π) / (2 ln 10,000) = 8.06 and with 1 turn 20.10: pairs 8 to 21.
    const found = ratios(64, 10_000, yarn);
    found.forEach((ratio, pair) => {
      const stretched = Math.min(1, Math.max(0, (pair - 8) / 13));
      expect(ratio).toBeCloseTo(1 / (stretched / 4 + 1 - stretched), 12);
    });
  });

  it('keeps bounds between whole pairs where it is told', () => {
    const found = ratios(64, 10_000, { ...yarn, truncate: false });
    const bound = (turns: number) => (64 * Math.log(2048 / (turns * 2 * Math.PI))) / (2 * Math.log(10_000));
    const stretched = (14 - bound(32)) / (bound(1) - bound(32));
    expect(found[14]).toBeCloseTo(1 / (stretched / 4 + 1 - stretched), 12);
  });

  it('survives bounds that meet', () => {
    const found = ratios(8, 10_000, { ...yarn, originalLength: 4, betaFast: 2 });
    expect(found.every(Number.isFinite)).toBe(true);
    expect(found.slice(1)).toEqual([expect.closeTo(4, 12), expect.closeTo(4, 12), expect.closeTo(4, 12)]);
  });

  it('multiplies every rotated pair by its attention factor, wherever it stands', async () => {
    expect(yarnAttentionFactor(4)).toBeCloseTo(0.1 * Math.log(4) + 1, 15);
    expect([yarnAttentionFactor(1), yarnAttentionFactor(0.5, 3)]).toEqual([1, 1]);
    const angles = createRopeAngles(createHostBackend(), 8, 10_000, yarn);
    const [fine, coarse] = [await angles.fine.readFloat32(), await angles.coarse.readFloat32()];
    const { frequencies, amplitude } = ropeFrequencies(8, 10_000, yarn);
    for (const position of [0, 5, 2047, 2048, 100_001]) {
      for (let pair = 0; pair < 4; pair += 1) {
        const [low, high] = [position % angles.fineLength, Math.floor(position / angles.fineLength)].map(
          (entry) => (entry * 4 + pair) * 2,
        ) as [number, number];
        const [c, s, C, S] = [fine[low], fine[low + 1], coarse[high], coarse[high + 1]] as number[] as [
          number,
          number,
          number,
          number,
        ];
        const angle = position * (frequencies[pair] as number);
        expect(C * c - S * s).toBeCloseTo(amplitude * Math.cos(angle), 5);
        expect(S * c + C * s).toBeCloseTo(amplitude * Math.sin(angle), 5);
      }
    }
    angles.dispose();
  });
});

test('NTK: the fastest pair as before, the slowest stretched by the factor', () => {
  const before = ropeFrequencies(64, 10_000).frequencies;
  const after = ropeFrequencies(64, ntkTheta(10_000, 8, 64)).frequencies;
  expect(after[0]).toBe(before[0]);
  expect((before[31] as number) / (after[31] as number)).toBeCloseTo(8, 10);
  expect(ntkTheta(10_000, 8, 2)).toBe(80_000);
});
