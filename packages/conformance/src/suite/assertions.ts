/**
 * The suite's own assertions, so that it depends on no test framework. Numbers are compared by Trial.expectClose
 * (conformance-group.ts) within the table of tolerances.
 */

import { type ErrorCode, InAttentionError } from '@inattention/core';

/** A backend did not do what the contract says. */
export class ConformanceError extends Error {
  constructor(message: string, cause?: unknown) {
    super(message, cause === undefined ? undefined : { cause });
    this.name = 'ConformanceError';
  }
}

/** Throws ConformanceError unless `condition` holds. */
export function expectThat(condition: boolean, message: string): asserts condition {
  if (!condition) throw new ConformanceError(message);
}

/** Throws unless both are the same value by Object.is, or arrays of such values. */
export function expectSame(got: unknown, expected: unknown, what: string): void {
  if (isList(got) && isList(expected)) {
    const index = firstDifference(got, expected);
    if (index === -1) return;
    throw new ConformanceError(
      `${what}: got ${got[index]} at index ${index}, expected ${expected[index]} (lengths ${got.length} and ${expected.length})`,
    );
  }
  if (!Object.is(got, expected)) throw new ConformanceError(`${what}: got ${got}, expected ${expected}`);
}

/** Awaits `work` and throws unless it fails with an error of `code`; returns that error. */
export async function expectFailure(work: () => unknown, code: ErrorCode, what: string): Promise<InAttentionError> {
  let outcome: unknown;
  try {
    outcome = await work();
  } catch (error) {
    if (InAttentionError.isInstance(error, code)) return error;
    throw new ConformanceError(`${what}: expected an error ${code}, got ${describeError(error)}`, error);
  }
  throw new ConformanceError(`${what}: expected an error ${code}, but it returned ${String(outcome)}`);
}

function describeError(error: unknown): string {
  if (InAttentionError.isInstance(error)) return `${error.code} (${error.message})`;
  return String(error);
}

function isList(value: unknown): value is ArrayLike<unknown> {
  return Array.isArray(value) || (ArrayBuffer.isView(value) && !(value instanceof DataView));
}

/** Index of the first element that is not the same on both sides; -1 when there is none. */
function firstDifference(got: ArrayLike<unknown>, expected: ArrayLike<unknown>): number {
  const length = Math.max(got.length, expected.length);
  for (let index = 0; index < length; index += 1) {
    if (index >= got.length || index >= expected.length || !Object.is(got[index], expected[index])) return index;
  }
  return -1;
}
