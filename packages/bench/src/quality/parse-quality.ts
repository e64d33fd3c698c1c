/** Reads a result of the quality bench: JSON of this version's schema, checked to the last field. */

import { InvalidFileError } from '@inattention/core';
import * as v from 'valibot';
import { type QualityResult, qualitySchema } from './quality-result.ts';

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const amount = v.pipe(v.number(), v.minValue(0));
const number = v.pipe(v.number(), v.finite());
const attention = v.picklist(['inattention', 'self']);
const positions = v.picklist(['rope', 'alibi', 'learned', 'none']);

const model = v.object({
  name: v.string(),
  parameters: count,
  attention: v.picklist(['inattention', 'self', 'hybrid']),
  window: count,
  positions,
  contextLength: count,
});

const testLossRow = v.object({ model: v.string(), loss: amount, lossTerms: count, bitsPerByte: v.nullable(amount) });

const contextLossRow = v.object({
  model: v.string(),
  tokens: count,
  loss: v.nullable(amount),
  standardError: v.nullable(amount),
  change: v.nullable(number),
  changeError: v.nullable(amount),
  reason: v.exactOptional(v.string()),
});

const taskSettings = v.object({
  layers: count,
  hiddenSize: count,
  intermediateSize: count,
  heads: count,
  batch: count,
  steps: count,
  learningRate: amount,
  warmup: count,
  weightDecay: amount,
  deviation: amount,
  seed: count,
  testTexts: count,
});

const taskRow = v.object({
  task: v.string(),
  attention,
  positions,
  window: count,
  parameters: count,
  steps: count,
  correct: count,
  answers: v.pipe(count, v.minValue(1)),
  learntAt: v.nullable(count),
  loss: amount,
  seconds: amount,
});

const schema: v.GenericSchema<unknown, QualityResult> = v.object({
  schema: v.literal(qualitySchema),
  created: v.string(),
  command: v.exactOptional(v.string()),
  interrupted: v.exactOptional(v.string()),
  environment: v.record(v.string(), v.union([v.string(), v.number()])),
  backend: v.string(),
  device: v.string(),
  text: v.nullable(v.object({ name: v.string(), documents: count, bytes: v.nullable(count) })),
  models: v.array(model),
  testLoss: v.nullable(v.object({ windowLength: count, rows: v.array(testLossRow) })),
  contextLoss: v.nullable(
    v.object({
      lengths: v.array(count),
      targets: count,
      documents: count,
      seed: count,
      selfUpTo: count,
      rows: v.array(contextLossRow),
    }),
  ),
  tasks: v.nullable(
    v.object({
      settings: taskSettings,
      tasks: v.array(v.object({ name: v.string(), description: v.string(), chance: amount })),
      rows: v.array(taskRow),
    }),
  ),
});

/** Whether JSON says that it is of the quality bench, of whatever version. */
export function isQuality(value: unknown): boolean {
  const name = typeof value === 'object' && value !== null && 'schema' in value ? value.schema : null;
  return typeof name === 'string' && name.startsWith('inattention-quality/');
}

/** The result in `value`; `file` names it in errors. Throws InvalidFileError: another version, a wrong field. */
export function parseQuality(value: unknown, file = 'The result'): QualityResult {
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new InvalidFileError({
    what: `${file} is not a result of the quality bench: field "${v.getDotPath(issue) ?? ''}".`,
    got: issue.received,
    expected: issue.expected ?? issue.message,
    fix: 'give a file that `inattention bench --quality --out` wrote',
  });
}
