/** attend and attendWeights on every kind of view, wherever its pages lie, against float64, in all variants. */

import { describe, expect, test, vi } from 'vitest';
import { type AttentionCase, describeCase, placeCase, referenceAttention } from '../../../test/attention-case.ts';
import { relativeError } from '../../../test/compare-numbers.ts';
import { KernelTrial, reducingTrialsOf } from '../../../test/kernel-trial.ts';
import { openDevice } from '../../device/open-device.ts';
import { attend } from './attend.ts';
import { attendWeights } from './weights.ts';

vi.setConfig({ testTimeout: 120_000 });

const { device } = await openDevice({ limits: 'default' });

const few = [299, 0, 150];
const many = Array.from({ length: 37 }, (_, t) => (t * 71) % 300);
const shape = { length: 300, heads: 4, kvHeads: 2, headDim: 8 } as const;

const cases: Readonly<Record<string, AttentionCase>> = {
  'a cache': { ...shape, positions: few, rowsPerPage: 64 },
  'a cache of f16 rows, slopes, a first position': {
    ...shape,
    headDim: 12,
    positions: [1299, 999, 1000],
    firstPosition: 1000,
    half: true,
    sloped: true,
  },
  'odd heads of f16': { ...shape, heads: 3, kvHeads: 3, headDim: 5, positions: few, half: true, rowsPerPage: 9 },
  'a table, rotated': {
    ...shape,
    headDim: 16,
    positions: few,
    window: 3,
    slots: 70,
    scaled: true,
    rotated: true,
    rowsPerPage: 30,
    pageLength: 7,
  },
  'a table, position rows': {
    ...shape,
    heads: 8,
    positions: few,
    window: 2,
    slots: 40,
    scaled: true,
    positionRows: true,
  },
  'a rotated cache of large heads': { ...shape, heads: 2, headDim: 256, positions: [70], rotated: true },
  'many queries of a cache': { ...shape, headDim: 72, positions: many, rowsPerPage: 100, sloped: true },
  'many queries of a rotated table': {
    ...shape,
    headDim: 40,
    positions: many,
    window: 2,
    slots: 50,
    scaled: true,
    rotated: true,
  },
  'many queries of a table, f16': {
    ...shape,
    headDim: 6,
    positions: [...many, 0, 299],
    positionRows: true,
    window: 4,
    slots: 33,
    scaled: true,
    rotated: true,
    half: true,
  },
};

interface Parts {
  readonly out: Float32Array;
  readonly max: Float32Array;
  readonly sum: Float32Array;
}

/** Attention by the kernels, in parts that end at `cuts`. */
async function attended(trial: KernelTrial, placed: ReturnType<typeof placeCase>, cuts: number[]): Promise<Parts> {
  const [count, heads, headDim] = placed.queries.shape as [number, number, number];
  const state = {
    out: trial.floats([count, heads, headDim]),
    max: trial.floats([count, heads]),
    sum: trial.floats([count, heads]),
  };
  let from = 0;
  for (const to of cuts) {
    attend(trial.runner, { ...placed, ...state, from, to, accumulate: from > 0 });
    from = to;
  }
  return { out: await trial.read(state.out), max: await trial.read(state.max), sum: await trial.read(state.sum) };
}

function expectState(got: Parts, expected: ReturnType<typeof referenceAttention>): void {
  expect(relativeError(got.out, expected.out)).toBeLessThan(2e-5);
  expect(relativeError(got.sum, expected.sum)).toBeLessThan(2e-5);
  expected.sum.forEach((sum, row) => {
    if (sum > 0) expect(Math.abs((got.max[row] as number) - (expected.max[row] as number))).toBeLessThan(1e-4);
    else expect(got.max[row]).toBe(expected.max[row]);
  });
}

for (const { name, create } of reducingTrialsOf(device)) {
  describe(name, () => {
    for (const [what, options] of Object.entries(cases)) {
      test(what, async () => {
        const described = describeCase(options);
        const whole = referenceAttention(described);
        // Pages in buffers of their own, and as parts of one.
        for (const packed of name.includes('short') ? [false, true] : [name.includes('offset')]) {
          const trial = create();
          const placed = placeCase(trial, described, packed);
          expectState(await attended(trial, placed, [options.length]), whole);
          expectState(await attended(trial, placed, [3, 65, 65, options.length]), whole);
          await trial.dispose();
        }
      });
    }

    test('weights of one query', async () => {
      for (const what of ['a cache', 'a table, rotated'] as const) {
        const described = describeCase({ ...(cases[what] as AttentionCase), positions: [200] });
        const { max, sum, weights } = referenceAttention(described);
        const { heads, length } = described.options;
        const trial = create();
        const placed = placeCase(trial, described, true);
        const logSumExp = trial.floats(
          [1, heads],
          max.map((top, h) => top + Math.log(sum[h] as number)),
        );
        for (const [from, to] of [[0, length] as const, [150, 250] as const]) {
          const out = trial.floats([heads, to - from]);
          attendWeights(trial.runner, { ...placed, from, to, logSumExp, out });
          const expected = weights.filter((_, i) => i % length >= from && i % length < to);
          expect(relativeError(await trial.read(out), expected)).toBeLessThan(2e-5);
        }
        await trial.dispose();
      }
    });
  });
}

const long = { length: 100_000, heads: 2, kvHeads: 1, headDim: 4, positions: [99_999] } as const;

const longCases: Readonly<Record<string, AttentionCase>> = {
  'a cache': { ...long, sloped: true },
  'a table': { ...long, headDim: 8, window: 2, slots: 700, scaled: true, rotated: true, half: true },
};

describe('100,000 entries', () => {
  for (const [what, options] of Object.entries(longCases)) {
    const described = describeCase(options);
    const expected = referenceAttention(described);
    for (const software of [false, true]) {
      for (const maxBindingBytes of [65536, 1 << 20]) {
        test(`${what}, ${software ? 'barrier-free' : 'workgroups'}, bindings of ${maxBindingBytes} bytes`, async () => {
          const trial = new KernelTrial(device, { software, maxBindingBytes });
          expectState(await attended(trial, placeCase(trial, described, true), [options.length]), expected);
          await trial.dispose();
        });
      }
    }
  }
});
