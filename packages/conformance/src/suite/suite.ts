/**
 * What the groups of the conformance suite share. A backend's package runs
 *
 *     conformanceSuite({ name: 'cpu', createBackend: () => createCpuBackend(), cases, runner: { describe, test } })
 *
 * with its own test runner. Each test gets a fresh backend, disposes of it, and must leave nothing live on it.
 */

import type { Backend } from '@inattention/core';
import { compareArrays, formatComparison, type Tolerance } from '../comparison/compare-arrays.ts';
import type { GoldenCase } from '../golden/golden-case.ts';

/** The part of a test runner the suite needs; vitest's and node:test's functions fit. */
export interface TestRunner {
  describe(name: string, body: () => void): unknown;
  test(name: string, body: () => Promise<void>): unknown;
}

export interface SuiteOptions {
  /** Name of the backend, in test titles. */
  readonly name: string;
  readonly createBackend: () => Promise<Backend>;
  readonly runner: TestRunner;
  /** Golden cases by name; `loadGoldenCase` of `@inattention/conformance/golden` reads them in Node. */
  readonly cases: readonly { readonly name: string; load(): Promise<GoldenCase> }[];
}

/** A failed check of the suite; its message says where, what was got and what was expected. */
export class ConformanceError extends Error {
  override readonly name = 'ConformanceError';
}

/** Runs `body` with a fresh backend and checks that it left nothing live. */
export function withBackend(
  { createBackend }: SuiteOptions,
  body: (backend: Backend) => Promise<void>,
): () => Promise<void> {
  return async () => {
    const backend = await createBackend();
    try {
      await body(backend);
      const { liveTotal, host } = backend.ledger.snapshot();
      checkEqual(liveTotal, 0, 'live bytes after the test');
      checkEqual(host, 0, 'host bytes after the test');
    } finally {
      backend.dispose();
    }
  };
}

/** Throws ConformanceError unless the numbers agree. */
export function checkClose(
  got: ArrayLike<number>,
  expected: ArrayLike<number>,
  tolerance: Tolerance,
  what: string,
): void {
  const comparison = compareArrays(got, expected, tolerance);
  if (!comparison.ok) throw new ConformanceError(`${what}: ${formatComparison(comparison)}`);
}

/** `fraction` of the largest expected magnitude, as an absolute tolerance. */
export function fractionOfLargest(expected: ArrayLike<number>, fraction: number): Tolerance {
  return { atol: fraction * Array.from(expected).reduce((most, value) => Math.max(most, Math.abs(value)), 0), rtol: 0 };
}

export function checkEqual(got: unknown, expected: unknown, what: string): void {
  if (got !== expected) throw new ConformanceError(`${what}: got ${String(got)}, expected ${String(expected)}`);
}

export function check(condition: boolean, what: string): void {
  if (!condition) throw new ConformanceError(what);
}

/** Throws unless `work` rejects with an error of this project with the code; returns the error's message. */
export async function checkRejects(work: () => Promise<unknown>, code: string, what: string): Promise<string> {
  try {
    await work();
  } catch (error) {
    if (error instanceof Error && 'code' in error && error.code === code) return error.message;
    throw new ConformanceError(`${what}: threw ${String(error)}, expected code ${code}`);
  }
  throw new ConformanceError(`${what}: nothing was thrown, expected code ${code}`);
}
