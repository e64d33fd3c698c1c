/**
 * Registers one group of the suite with the runner: every test gets a backend of its own, which must be empty again
 * when the test is done. What a backend does not declare is not registered; nothing is skipped for any other reason.
 */

import { type Backend, type Capabilities, type FusedOperations, purposes } from '@inattention/core';
import type { ModelConfig } from '@inattention/core/math';
import { compareArrays, formatComparison, type Tolerance } from '../comparison/compare-arrays.ts';
import { type StoredDType, type ToleranceOperation, toleranceFor } from '../comparison/tolerances.ts';
import { ConformanceError, expectSame } from './assertions.ts';
import { smallConfigs } from './small-models.ts';
import type { SuiteException, SuiteOptions } from './suite-options.ts';

/** Which tolerance applies (an entry of the table, or one stated where it is used), and what is compared. */
interface Expectation {
  readonly operation: ToleranceOperation;
  readonly dtype?: StoredDType;
  /** Instead of the table's entry. */
  readonly tolerance?: Tolerance;
  readonly what: string;
}

/** What a test is given. */
export interface Trial {
  /** A fresh backend, disposed of after the test; the test frees what it takes. */
  readonly backend: Backend;
  /** A backend of its own for a test that needs two, or disposes of one. The test disposes of it. */
  createBackend(): Promise<Backend>;
  /** Throws ConformanceError unless all numbers are within tolerance. */
  expectClose(got: ArrayLike<number>, expected: ArrayLike<number>, expectation: Expectation): void;
}

/** A group being registered. */
export interface Group {
  readonly capabilities: Capabilities;
  /** Names of the fused operations the backend has. */
  readonly fused: ReadonlySet<keyof FusedOperations>;
  /** The small models to run on, by name. */
  readonly smallModels: readonly (readonly [name: string, config: ModelConfig])[];
  describe(name: string, body: () => void): void;
  test(name: string, body: (trial: Trial) => Promise<void> | void): void;
}

/** Asks a backend what it can do, then registers the tests of `define` under "`options.name`: `groupName`". */
export async function conformanceGroup(
  options: SuiteOptions,
  groupName: string,
  define: (group: Group) => void,
): Promise<void> {
  const { capabilities, fused } = await declared(options);
  const exceptions = (options.exceptions ?? []).filter(({ test }) => test.startsWith(`${groupName} > `));
  const unmatched = new Set(exceptions);
  const { runner } = options;
  // Where the next test belongs. Frameworks may run the bodies of `describe` later, so each restores its own place.
  let path: readonly string[] = [groupName];
  const group: Group = {
    capabilities,
    fused,
    smallModels: chosenModels(options),
    describe(name, body) {
      const inner = [...path, name];
      runner.describe(name, () => {
        const outer = path;
        path = inner;
        body();
        path = outer;
      });
    },
    test(name, body) {
      const fullName = [...path, name].join(' > ');
      const exception = exceptions.find(({ test }) => test === fullName);
      if (exception !== undefined) unmatched.delete(exception);
      const run = () => runTrial(options, body);
      runner.test(name, exception === undefined ? run : () => expectException(exception, run));
    },
  };
  runner.describe(`${options.name}: ${groupName}`, () => {
    define(group);
    if (exceptions.length > 0) runner.test('exceptions name tests', async () => expectAllMatched(unmatched));
  });
}

function chosenModels({ smallModels = Object.keys(smallConfigs) }: SuiteOptions): [string, ModelConfig][] {
  return smallModels.map((name) => {
    const config = smallConfigs[name];
    if (config === undefined) throw new ConformanceError(`There is no small model "${name}".`);
    return [name, config];
  });
}

function expectAllMatched(unmatched: ReadonlySet<SuiteException>): void {
  for (const { test } of unmatched) {
    throw new ConformanceError(`There is no test "${test}": remove the exception or correct its name.`);
  }
}

async function declared({ createBackend }: SuiteOptions) {
  const backend = await createBackend();
  try {
    const fused = new Set(Object.keys(backend.fused) as (keyof FusedOperations)[]);
    return { capabilities: backend.capabilities, fused };
  } finally {
    backend.dispose();
  }
}

async function runTrial(options: SuiteOptions, body: (trial: Trial) => Promise<void> | void): Promise<void> {
  const backend = await options.createBackend();
  try {
    await body(makeTrial(backend, options));
    await backend.sync();
    expectNothingHeld(backend);
  } finally {
    backend.dispose();
  }
}

/** Throws unless the ledger counts no live and no host bytes. */
export function expectNothingHeld({ ledger }: Backend): void {
  const { live, liveTotal, host } = ledger.snapshot();
  for (const purpose of purposes) expectSame(live[purpose], 0, `Bytes of ${purpose} still live after the test`);
  expectSame(liveTotal, 0, 'Bytes still live after the test');
  expectSame(host, 0, 'Host bytes still counted after the test');
}

async function expectException({ test, reason }: SuiteException, run: () => Promise<void>): Promise<void> {
  try {
    await run();
  } catch {
    return;
  }
  throw new ConformanceError(`"${test}" passes: remove its exception, which says "${reason}".`);
}

function makeTrial(backend: Backend, { createBackend, onMeasurement }: SuiteOptions): Trial {
  return {
    backend,
    createBackend,
    expectClose(got, expected, { operation, dtype = 'f32', tolerance, what }) {
      const allowed = tolerance ?? toleranceFor(operation, dtype, backend.name);
      const comparison = compareArrays(got, expected, allowed);
      onMeasurement?.({ operation, dtype, what, share: comparison.maxShare });
      if (!comparison.ok) throw new ConformanceError(`${operation}, ${what}: ${formatComparison(comparison)}`);
    },
  };
}
