/**
 * What a backend hands to the conformance suite: how to make it, how to run tests, and what it admits it cannot do.
 * Nothing here knows a test framework: `describe` and `test` of vitest, node:test or mocha all fit.
 */

import type { Backend } from '@inattention/core';
import type { StoredDType } from '../comparison/tolerances.ts';
import type { GoldenCase } from '../golden/golden-case.ts';

/** The part of a test framework that the suite uses. */
export interface TestRunner {
  /** Groups the tests that `body` registers. */
  describe(name: string, body: () => void): unknown;
  /** Registers a test: it fails when `body` rejects. Long ones take some ten seconds: give the framework time. */
  test(name: string, body: () => Promise<void>): unknown;
}

/** A test that a backend is known to fail. It is run all the same, and must fail: a stale exception fails the suite. */
export interface SuiteException {
  /** The test's name with its groups: 'primitives > cast > overflow to infinity'. */
  readonly test: string;
  /** Why, with a link where there is one. */
  readonly reason: string;
}

/** A golden case, read when it is needed. */
export interface NamedGoldenCase {
  readonly name: string;
  load(): Promise<GoldenCase>;
}

/** One comparison the suite made: how much of what was allowed was used. */
export interface Measurement {
  /** What the tolerance is for, and what was compared. */
  readonly operation: string;
  readonly dtype: StoredDType;
  readonly what: string;
  /** The largest |got − expected| / allowed; beyond 1 the test fails. */
  readonly share: number;
}

export interface SuiteOptions {
  /** For the report: the backend's name, or a variant of it. */
  readonly name: string;
  /** Makes a backend; called once to ask what it can do, then for each test. The suite disposes of all of them. */
  readonly createBackend: () => Promise<Backend>;
  readonly runner: TestRunner;
  readonly exceptions?: readonly SuiteException[];
  /** The cases of the group `models`. `@inattention/conformance/golden` has those of the package, on Node. */
  readonly goldenCases?: readonly NamedGoldenCase[];
  /** Those of them that are run by composed operations too, by name. All by default; fewer if they are slow. */
  readonly composedCases?: readonly string[];
  /** Operations of the group `ledger`, each followed by a look at every byte; 10,000 by default, fewer if they are slow. */
  readonly ledgerOperations?: number;
  /**
   * Bytes that the backend may hold beyond the highest it ever had live, in the group `ledger`. 4 MiB by default; more
   * where buffers that were given back stay until work that uses them is submitted.
   */
  readonly reservedBytes?: number;
  /** Random sequences of each mode and model of the group `contexts`; 30 by default, fewer if they are slow. */
  readonly contextSequences?: number;
  /**
   * Which of the small models the groups `contexts` and `errors` run on, by name. All by default; fewer if
   * they are slow, the kinds of a backend's own paths among them.
   */
  readonly smallModels?: readonly string[];
  /** Told of every comparison, passed or not. */
  readonly onMeasurement?: (measurement: Measurement) => void;
}
