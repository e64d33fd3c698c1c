/**
 * Metrics as JSONL, one line per step, that plotting tools read. A line is written when its step is done, so that what a
 * killed run leaves is whole but for its last line; a run that resumes drops the lines of steps it is about to repeat.
 */

import { existsSync } from 'node:fs';
import { appendFile, mkdir, readFile } from 'node:fs/promises';
import { dirname } from 'node:path';
import type { TrainingEvent, TrainingObserver } from '../trainer/train.ts';
import { writeWholeFile } from './whole-files.ts';

/**
 * Appends each step to a file, which is made if need be. `afterStep`: other lines than those of steps up to it are dropped first;
 * default 0, a new run.
 */
export async function appendMetrics(path: string, afterStep = 0): Promise<TrainingObserver> {
  await mkdir(dirname(path), { recursive: true });
  const lines = existsSync(path) ? (await readFile(path, 'utf8')).split('\n') : [];
  const kept = lines.filter((line) => (stepOf(line) ?? Number.POSITIVE_INFINITY) <= afterStep);
  await writeWholeFile(path, [new TextEncoder().encode(kept.map((line) => `${line}\n`).join(''))]);
  return (event) => appendFile(path, `${JSON.stringify(recordOf(event))}\n`);
}

function recordOf({ validation, checkpoint: _, ...step }: TrainingEvent): Record<string, number> {
  return { ...step, ...(validation !== undefined && { validationLoss: validation.loss }) };
}

/** The step of a line; null when it is not a line of metrics. */
function stepOf(line: string): number | null {
  try {
    const record: unknown = JSON.parse(line);
    const step = typeof record === 'object' && record !== null && 'step' in record ? record.step : null;
    return typeof step === 'number' ? step : null;
  } catch {
    return null;
  }
}
