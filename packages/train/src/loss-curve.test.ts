import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import type { Backend } from '@inattention/core';
import { createCpuBackend } from '@inattention/cpu';
import { afterAll, expect, it } from 'vitest';
import { curveSteps, lossCurve } from '../test/loss-curve.ts';

const file = fileURLToPath(new URL('../test/loss-curve.json', import.meta.url));
const committed: readonly number[] = JSON.parse(readFileSync(file, 'utf8'));

const backend = await createCpuBackend({ threads: 2 });
const withoutFused: Backend = { ...backend, fused: {} };
afterAll(() => backend.dispose());

/** The largest distance from the committed curve, as a share of it. */
const distance = (losses: readonly number[]) =>
  Math.max(...losses.map((loss, step) => Math.abs(loss / (committed[step] as number) - 1)));

it('is a curve along which a model learns', () => {
  expect(committed).toHaveLength(curveSteps);
  expect(committed[0]).toBeCloseTo(Math.log(61), 0);
  expect(committed.at(-1)).toBeLessThan(2);
});

it('is followed within 2 %, and not by another learning rate', async () => {
  expect(distance(await lossCurve(backend))).toBeLessThan(0.02);
  expect(distance(await lossCurve(backend, 0.008))).toBeGreaterThan(0.02);
});

it('is followed without fused operations', async () => {
  expect(distance(await lossCurve(withoutFused))).toBeLessThan(0.02);
});
