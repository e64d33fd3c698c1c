/** Reads a result file: JSON of this version's schema or the one before it, checked to the last field. */

import { InvalidFileError } from '@inattention/core';
import * as v from 'valibot';
import { outcomes, resultSchema, type SweepResult, warmUpKinds } from '../result.ts';

const count = v.pipe(v.number(), v.integer(), v.minValue(0));
const amount = v.pipe(v.number(), v.minValue(0));
const variant = v.picklist(['self', 'tables', 'kv', 'states', 'ids']);
const dtype = v.picklist(['f32', 'f16']);

const timing = v.object({ median: amount, rounds: count, extrapolated: v.exactOptional(v.string()) });

const kernel = v.object({
  kernel: v.string(),
  dispatches: count,
  flops: amount,
  bytes: amount,
  milliseconds: v.nullable(amount),
});

const row = v.object({
  tokens: count,
  variant,
  outcome: v.picklist(outcomes),
  reason: v.exactOptional(v.string()),
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
  warmRefused: v.exactOptional(v.string()),
  timeToFirstTokenRevisited: v.nullable(timing),
  decode: v.nullable(timing),
  decodeProfile: v.exactOptional(v.object({ submissions: count, kernels: v.array(kernel) })),
  disagreement: v.nullable(amount),
});

const text = v.object({ title: v.string(), source: v.string(), licence: v.string(), tokenizer: v.string() });
const perModel = v.object({ inattention: count, self: count });
const tokensThatFit = v.nullable(count);

const planRow = v.object({
  shape: v.string(),
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

const schema: v.GenericSchema<unknown, SweepResult> = v.object({
  schema: v.literal(resultSchema),
  created: v.string(),
  command: v.exactOptional(v.string()),
  interrupted: v.exactOptional(v.string()),
  environment: v.record(v.string(), v.union([v.string(), v.number()])),
  backend: v.string(),
  device: v.string(),
  shape: v.string(),
  dtype,
  weightDType: v.exactOptional(v.picklist(['f32', 'f16', 'i8'])),
  window: count,
  parameters: perModel,
  weightBytes: perModel,
  budgetBytes: v.nullable(count),
  selfUpTo: count,
  text,
  warmUpText: text,
  warmUpKind: v.picklist(warmUpKinds),
  warmUpTokens: count,
  texts: v.array(v.object({ tokens: count, distinct: count, unseenAfterWarmUp: amount })),
  gemmFlopsPerSecond: v.nullable(amount),
  selfPrefill: v.array(v.object({ tokens: count, flopsPerSecond: amount })),
  rows: v.array(row),
  plan: v.array(planRow),
});

/** Results without the revisited state, which warmed tables with another text. */
const olderSchema = 'inattention-bench/2';

/** The result in `json`, as of this schema; `file` names it in errors. Throws InvalidFileError: no JSON, another version, a wrong field. */
export function parseResult(json: string, file = 'The result'): SweepResult {
  const fix = 'give a file that the sweep, `inattention bench --out`, wrote';
  let value: unknown;
  try {
    value = JSON.parse(json);
  } catch (cause) {
    throw new InvalidFileError({ what: `${file} is not JSON.`, got: (cause as Error).message, fix, cause });
  }
  const parsed = v.safeParse(schema, upgrade(value));
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new InvalidFileError({
    what: `${file} is not a sweep’s result: field "${v.getDotPath(issue) ?? ''}".`,
    got: issue.received,
    expected: issue.expected ?? issue.message,
    fix,
  });
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
