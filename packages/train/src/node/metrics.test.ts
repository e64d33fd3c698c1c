import { appendFileSync, mkdtempSync, readFileSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterEach, beforeEach, expect, it } from 'vitest';
import type { TrainingEvent } from '../trainer/train.ts';
import { appendMetrics } from './metrics.ts';

let folder = '';
beforeEach(() => {
  folder = mkdtempSync(join(tmpdir(), 'metrics-'));
});
afterEach(() => rmSync(folder, { recursive: true }));

const event = (step: number): TrainingEvent => ({
  step,
  loss: 4 / step,
  gradientNorm: 1,
  learningRate: 0.5,
  tokens: 10,
  tokensPerSecond: 20,
  seconds: 0.5,
});
const linesOf = (path: string) =>
  readFileSync(path, 'utf8')
    .split('\n')
    .filter((line) => line !== '')
    .map((line): unknown => JSON.parse(line));

it('writes a line for each step, with the validation loss where it was measured', async () => {
  const path = join(folder, 'deeper', 'metrics.jsonl');
  const observe = await appendMetrics(path);
  await observe(event(1));
  await observe({ ...event(2), validation: { loss: 3.5, lossTerms: 7 }, checkpoint: '/somewhere' });
  expect(linesOf(path)).toEqual([event(1), { ...event(2), validationLoss: 3.5 }]);
});

it('drops what a resumed run repeats, and a line that was cut short', async () => {
  const path = join(folder, 'metrics.jsonl');
  const observe = await appendMetrics(path);
  for (const step of [1, 2, 3, 4]) await observe(event(step));
  appendFileSync(path, '{"step": 5, "lo');
  const resumed = await appendMetrics(path, 2);
  await resumed(event(3));
  expect(linesOf(path)).toEqual([event(1), event(2), event(3)]);
});

it('starts a new file for a new run', async () => {
  const path = join(folder, 'metrics.jsonl');
  await (await appendMetrics(path))(event(1));
  await (await appendMetrics(path))(event(1));
  expect(linesOf(path)).toEqual([event(1)]);
});
