/** Reads a result of the quality bench: JSON of this version's schema, checked to the last field. */

import * as v from 'valibot';
import { amount, checkedResult, count, environment, list, number, text } from '../report/checked-fields.ts';
import { type QualityResult, qualitySchema } from './quality-result.ts';

const attention = v.picklist(['inattention', 'self']);
const positions = v.picklist(['rope', 'alibi', 'learned', 'none']);

const model = v.object({
  name: text,
  parameters: count,
  attention: v.picklist(['inattention', 'self', 'hybrid']),
  window: count,
  positions,
  contextLength: count,
});

const testLossRow = v.object({ model: text, loss: amount, lossTerms: count, bitsPerByte: v.nullable(amount) });

const contextLossRow = v.object({
  model: text,
  tokens: count,
  loss: v.nullable(amount),
  standardError: v.nullable(amount),
  change: v.nullable(number),
  changeError: v.nullable(amount),
  reason: v.exactOptional(text),
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
  task: text,
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

/** Every field of a result, as its JSON Schema is made of. */
export const qualityFields: v.GenericSchema<unknown, QualityResult> = v.object({
  schema: v.literal(qualitySchema),
  created: text,
  command: v.exactOptional(text),
  interrupted: v.exactOptional(text),
  environment,
  backend: text,
  device: text,
  text: v.nullable(v.object({ name: text, documents: count, bytes: v.nullable(count) })),
  models: list(model),
  testLoss: v.nullable(v.object({ windowLength: count, rows: list(testLossRow) })),
  contextLoss: v.nullable(
    v.object({
      lengths: list(count),
      targets: count,
      documents: count,
      seed: count,
      selfUpTo: count,
      rows: list(contextLossRow),
    }),
  ),
  tasks: v.nullable(
    v.object({
      settings: taskSettings,
      tasks: list(v.object({ name: text, description: text, chance: amount })),
      rows: list(taskRow),
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
  return checkedResult(qualityFields, value, {
    file,
    wanted: 'a result of the quality bench',
    fix: 'give a file that `inattention bench --quality --out` wrote',
  });
}
