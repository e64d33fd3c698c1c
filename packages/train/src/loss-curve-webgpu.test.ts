import { readFileSync } from 'node:fs';
import { fileURLToPath } from 'node:url';
import { createWebGpuBackend } from '@inattention/webgpu';
import { expect, it } from 'vitest';
import { lossCurve } from '../test/loss-curve.ts';

const file = fileURLToPath(new URL('../test/loss-curve.json', import.meta.url));
const committed: readonly number[] = JSON.parse(readFileSync(file, 'utf8'));

/** The software adapter takes 0.4 s for a step; INATTENTION_CURVE_STEPS=200 follows the whole curve. */
const steps = Number(process.env.INATTENTION_CURVE_STEPS ?? 25);

it('is followed within 2 % on WebGPU, and nothing stays on the device', async () => {
  using backend = await createWebGpuBackend({ requireGpu: false });
  const losses = await lossCurve(backend, 0.01, steps);
  expect(losses).toHaveLength(steps);
  for (const [step, loss] of losses.entries())
    expect(Math.abs(loss / (committed[step] as number) - 1)).toBeLessThan(0.02);
  expect(backend.ledger.snapshot().liveTotal).toBe(0);
}, 300_000);
