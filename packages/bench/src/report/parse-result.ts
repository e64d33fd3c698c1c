/** Reads a result file: JSON of this version's schema or the one before it, checked to the last field. */

import * as v from 'valibot';
import { outcomes, resultSchema, type SweepResult, warmUpKinds } from '../result.ts';
import { amount, checkedResult, count, environment, jsonValue, list, text } from './checked-fields.ts';

const variant = v.picklist(['self', 'tables', 'kv', 'states', 'ids']);
const dtype = v.picklist(['f32', 'f16']);

const timing = v.object({ median: amount, rounds: count, extrapolated: v.exactOptional(text) });

const kernel = v.object({
  kernel: text,
  dispatches: count,
  flops: amount,
  bytes: amount,
  milliseconds: v.nullable(amount),
});

const row = v.object({
  tokens: count,
  variant,
  outcome: v.picklist(outcomes),
  reason: v.exactOptional(text),
  plan: v.object({
    contextBytes: count,
    tableBytes: count,
    totalBytes: count,
    firstTokenFlops: amount,
    decodeFlops: amount,
  }),
  contextBytes: v.nullable(count),
  tableBytes: v.nullable(count),
  peakBytes: v.nullable(count),
  timeToFirstToken: v.nullable(timing),
  timeToFirstTokenWarm: v.nullable(timing),
  warmRefused: v.exactOptional(text),
  timeToFirstTokenRevisited: v.nullable(timing),
  decode: v.nullable(timing),
  decodeProfile: v.exactOptional(v.object({ submissions: count, kernels: list(kernel) })),
  disagreement: v.nullable(amount),
});

const document = v.object({ title: text, source: text, licence: text, tokenizer: text });
const perModel = v.object({ inattention: count, self: count });
const tokensThatFit = v.nullable(count);

const planRow = v.object({
  shape: text,
  budgetBytes: count,
  weightBytes: count,
  groupSize: amount,
  dtype,
  tokens: v.object({
    self: tokensThatFit,
    tables: tokensThatFit,
    kv: tokensThatFit,
    states: tokensThatFit,
    ids: tokensThatFit,
  }),
  tablesOnText: tokensThatFit,
});

/** Every field of a result, as its JSON Schema is made of. */
export const sweepFields: v.GenericSchema<unknown, SweepResult> = v.object({
  schema: v.literal(resultSchema),
  created: text,
  command: v.exactOptional(text),
  interrupted: v.exactOptional(text),
  environment,
  backend: text,
  device: text,
  shape: text,
  dtype,
  weightDType: v.exactOptional(v.picklist(['f32', 'f16', 'i8', 'q8_0', 'q4_1'])),
  window: count,
  positions: v.exactOptional(v.picklist(['rope', 'alibi', 'learned', 'none'])),
  parameters: perModel,
  weightBytes: perModel,
  budgetBytes: v.nullable(count),
  selfUpTo: count,
  text: document,
  warmUpText: document,
  warmUpKind: v.picklist(warmUpKinds),
  warmUpTokens: count,
  texts: list(v.object({ tokens: count, distinct: count, unseenAfterWarmUp: amount })),
  gemmFlopsPerSecond: v.nullable(amount),
  selfPrefill: list(v.object({ tokens: count, flopsPerSecond: amount })),
  rows: list(row),
  plan: list(planRow),
});

/** Results without the revisited state, which warmed tables with another text. */
const olderSchema = 'inattention-bench/2';

/** The result in `json`, as of this schema; `file` names it in errors. Throws InvalidFileError: no JSON, another version, a wrong field. */
export function parseResult(json: string, file = 'The result'): SweepResult {
  const what = {
    file,
    wanted: 'a sweep’s result',
    fix: 'give a file that the sweep, `inattention bench --out`, wrote',
  };
  return checkedResult(sweepFields, upgrade(jsonValue(json, what)), what);
}

/** An older result with the fields it lacks; anything else as it is, for the check to judge. */
function upgrade(value: unknown): unknown {
  if (!isRecord(value) || value.schema !== olderSchema) return value;
  const { rows } = value;
  const upgraded = Array.isArray(rows)
    ? rows.map((row: unknown) => (isRecord(row) ? { ...row, timeToFirstTokenRevisited: null } : row))
    : rows;
  return { ...value, schema: resultSchema, warmUpKind: 'other', ...('rows' in value && { rows: upgraded }) };
}

function isRecord(value: unknown): value is Readonly<Record<string, unknown>> {
  return typeof value === 'object' && value !== null;
}
