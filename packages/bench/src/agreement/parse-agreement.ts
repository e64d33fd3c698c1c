/** Reads a result of the agreement bench: JSON of this version's schema, checked to the last field. */

import * as v from 'valibot';
import { amount, checkedResult, count, environment, list, number, text } from '../report/checked-fields.ts';
import { type AgreementResult, agreementSchema } from './agreement-result.ts';

const run = {
  backend: text,
  device: text,
  software: v.boolean(),
  mode: v.picklist(['tables', 'kv', 'states', 'ids']),
};

const row = v.object({
  ...run,
  agreed: count,
  positions: count,
  largestDifference: amount,
  disagreements: list(v.object({ position: count, expectedId: count, gotId: count, margin: number })),
});

/** Every field of a result, as its JSON Schema is made of. */
export const agreementFields: v.GenericSchema<unknown, AgreementResult> = v.object({
  schema: v.literal(agreementSchema),
  created: text,
  interrupted: v.exactOptional(text),
  environment,
  model: v.object({ name: text, parameters: count, vocabSize: count }),
  text: v.object({ name: text, tokens: count }),
  reference: v.object(run),
  rows: list(row),
});

/** The result in `value`; `file` names it in errors. Throws InvalidFileError: another version, a wrong field. */
export function parseAgreement(value: unknown, file = 'The result'): AgreementResult {
  return checkedResult(agreementFields, value, {
    file,
    wanted: 'a result of the agreement bench',
    fix: 'give a file that the bench page saved',
  });
}
