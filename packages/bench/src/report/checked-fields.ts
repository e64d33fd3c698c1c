/**
 * Fields of result files, within what a report can show: a file or link of a stranger may hold anything, and a page that
 * draws a million points or an axis to 1e308 is as good as hung.
 */

import { InvalidFileError } from '@inattention/core';
import * as v from 'valibot';

/** Rows of any list in a result: a thousand lengths in every variant. */
const mostRows = 5000;
/** Characters of any name, reason or sentence. */
const longestText = 20_000;
/** Above every number of bytes, operations and milliseconds that is measured. */
const largest = 1e30;
/** Facts of an environment. */
const mostFacts = 200;

export const count: v.GenericSchema<unknown, number> = v.pipe(
  v.number(),
  v.integer(),
  v.minValue(0),
  v.maxValue(Number.MAX_SAFE_INTEGER),
);
export const amount: v.GenericSchema<unknown, number> = v.pipe(v.number(), v.minValue(0), v.maxValue(largest));
/** Of either sign. */
export const number: v.GenericSchema<unknown, number> = v.pipe(v.number(), v.minValue(-largest), v.maxValue(largest));
export const text: v.GenericSchema<unknown, string> = v.pipe(v.string(), v.maxLength(longestText));

export const environment: v.GenericSchema<unknown, Record<string, string | number>> = v.pipe(
  v.record(v.string(), v.union([text, number])),
  v.maxEntries(mostFacts),
);

/** A list of at most 5000 rows. */
export function list<T>(row: v.GenericSchema<unknown, T>): v.GenericSchema<unknown, T[]> {
  return v.pipe(v.array(row), v.maxLength(mostRows));
}

/** What a file is wanted to be, in words of an error. */
export interface WantedResult {
  /** Names the file. */
  readonly file: string;
  /** Such as “a sweep’s result”. */
  readonly wanted: string;
  readonly fix: string;
}

/** The value as the schema says. Throws InvalidFileError with the first field that is not. */
export function checkedResult<T>(schema: v.GenericSchema<unknown, T>, value: unknown, what: WantedResult): T {
  const parsed = v.safeParse(schema, value);
  if (parsed.success) return parsed.output;
  const [issue] = parsed.issues;
  throw new InvalidFileError({
    what: `${what.file} is not ${what.wanted}: field "${v.getDotPath(issue) ?? ''}".`,
    got: issue.received.slice(0, 200),
    expected: issue.expected ?? issue.message,
    fix: what.fix,
  });
}

/** The value of JSON. Throws InvalidFileError. */
export function jsonValue(json: string, { file, fix }: WantedResult): unknown {
  try {
    return JSON.parse(json);
  } catch (cause) {
    throw new InvalidFileError({ what: `${file} is not JSON.`, got: (cause as Error).message, fix, cause });
  }
}
