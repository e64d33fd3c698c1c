/** Values of tables that are summed by row first: chosen by shape, right on every kind of table, the same every time. */

import { describe, expect, test, vi } from 'vitest';
import { type AttentionCase, describeCase, placeCase, referenceAttention } from '../../../test/attention-case.ts';
import { relativeError } from '../../../test/compare-numbers.ts';
import { KernelTrial, reducingTrialsOf } from '../../../test/kernel-trial.ts';
import { openDevice } from '../../device/open-device.ts';
import { attend } from './attend.ts';
import { collapses } from './collapse.ts';

vi.setConfig({ testTimeout: 120_000 });

const { device } = await openDevice({ limits: 'default' });

const shape = { length: 2100, heads: 4, kvHeads: 4, headDim: 32, positions: [2099], slots: 200 } as const;

const cases: Readonly<Record<string, AttentionCase>> = {
  'rotated, w = 3': { ...shape, window: 3, scaled: true, rotated: true, rowsPerPage: 96, pageLength: 256 },
  'w = 1, f16, slopes': { ...shape, scaled: true, half: true, sloped: true },
  'finished rows, without scales': { ...shape, rotated: true },
  'three queries, w = 2': { ...shape, positions: [2099, 17, 1400], window: 2, slots: 120, scaled: true },
  'more than a block': { ...shape, length: 17_000, heads: 2, kvHeads: 1, positions: [16_999], window: 2, scaled: true },
};

async function attended(trial: KernelTrial, placed: ReturnType<typeof placeCase>, length: number) {
  const [count, heads, headDim] = placed.queries.shape as [number, number, number];
  const state = {
    out: trial.floats([count, heads, headDim]),
    max: trial.floats([count, heads]),
    sum: trial.floats([count, heads]),
  };
  attend(trial.runner, { ...placed, ...state, from: 0, to: length, accumulate: false });
  return { out: await trial.read(state.out), sum: await trial.read(state.sum) };
}

const block = (length: number): number => Math.min(length, 1 << 14);

// Bindings too short for the sums gather instead; compiling for unaligned views takes long where workgroups share memory.
const skipped = /short|workgroups, at an offset/;
for (const { name, create } of reducingTrialsOf(device).filter((trial) => !skipped.test(trial.name))) {
  describe(name, () => {
    for (const [what, options] of Object.entries(cases)) {
      test(what, async () => {
        const described = describeCase(options);
        const expected = referenceAttention(described);
        const trial = create();
        const placed = placeCase(trial, described, name.includes('offset'));
        const rows = options.positions.length * options.heads;
        expect(collapses(trial.runner, placed.context, rows, block(options.length))).toBe(true);
        const got = await attended(trial, placed, options.length);
        expect(relativeError(got.out, expected.out)).toBeLessThan(5e-6);
        expect(relativeError(got.sum, expected.sum)).toBeLessThan(5e-6);
        expect(await attended(trial, placed, options.length)).toEqual(got);
        await trial.dispose();
      });
    }

    test('a row that is no number', async () => {
      const described = describeCase(cases['rotated, w = 3'] as AttentionCase);
      described.rows.keys.fill(Number.NaN, 0, 50);
      const trial = create();
      const got = await attended(trial, placeCase(trial, described, true), shape.length);
      expect([...got.out].some(Number.isNaN)).toBe(true);
      await trial.dispose();
    });
  });
}

test('is chosen where it reads less', () => {
  const trial = new KernelTrial(device, { software: true });
  const chosen = (changes: Partial<AttentionCase>, entries: number = shape.length) => {
    const options = { ...shape, scaled: true, ...changes };
    return collapses(trial.runner, placeCase(trial, describeCase(options), true).context, options.heads, entries);
  };
  expect(chosen({})).toBe(true);
  expect(chosen({}, 2047)).toBe(false); // few entries
  expect(chosen({ slots: 2100 })).toBe(false); // few repeat
  expect(chosen({ heads: 32, kvHeads: 1 })).toBe(false); // sums of 32 heads cost more than rows of one
  expect(chosen({ positionRows: true })).toBe(false); // rows of positions do not repeat
  const { slots: _, ...cache } = shape;
  expect(collapses(trial.runner, placeCase(trial, describeCase(cache), true).context, shape.heads, shape.length)).toBe(
    false,
  );
  trial.abandon();
});
