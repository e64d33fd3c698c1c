/** Reads a result of the bench of switching: JSON of this version's schema, checked to the last field. */

import * as v from 'valibot';
import { amount, checkedResult, count, environment, list, text } from '../report/checked-fields.ts';
import { type SwitchingResult, switchingSchema } from './switching-result.ts';

const ofText = v.object({ name: text, tokens: count });

const healing = v.object({
  settings: v.object({
    layers: list(count),
    steps: count,
    length: count,
    learningRate: amount,
    temperature: amount,
    weight: amount,
    seed: count,
  }),
  text: ofText,
  peakBytes: count,
  plannedBytes: count,
  rows: list(
    v.object({ layer: count, before: amount, after: amount, steps: count, trainingLoss: amount, seconds: amount }),
  ),
});

/** Every field of a result, as its JSON Schema is made of. */
export const switchingFields: v.GenericSchema<unknown, SwitchingResult> = v.object({
  schema: v.literal(switchingSchema),
  created: text,
  command: v.exactOptional(text),
  interrupted: v.exactOptional(text),
  environment,
  backend: text,
  device: text,
  model: v.object({ name: text, parameters: count, layers: count }),
  text: ofText,
  original: amount,
  rows: list(v.object({ layer: count, alone: v.nullable(amount), cumulative: v.nullable(amount) })),
  healing: v.nullable(healing),
});

/** The result in `value`; `file` names it in errors. Throws InvalidFileError: another version, a wrong field. */
export function parseSwitching(value: unknown, file = 'The result'): SwitchingResult {
  const fix = 'give a file that `inattention bench --switching --out` wrote';
  return checkedResult(switchingFields, value, { file, wanted: 'a result of the bench of switching', fix });
}
