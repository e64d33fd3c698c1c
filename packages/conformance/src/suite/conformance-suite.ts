/**
 * The suite that any backend runs against itself: `@inattention/conformance/suite`. With vitest, in a test file:
 *
 *     await conformanceSuite({ name: 'mine', createBackend, runner: { describe, test }, goldenCases: namedGoldenCases() });
 *
 * Each group can be run alone. What a backend does not declare (capabilities, fused operations) is not asked of it.
 */

import { attentionSuite } from './attention/attention-suite.ts';
import { contextSuite } from './contexts/context-suite.ts';
import { errorSuite } from './errors/error-suite.ts';
import { fusedSuite } from './fused/fused-suite.ts';
import { ledgerSuite } from './ledger/ledger-suite.ts';
import { modelSuite } from './models/model-suite.ts';
import { primitivesSuite } from './primitives/primitives-suite.ts';
import type { SuiteOptions } from './suite-options.ts';

export type { Measurement, NamedGoldenCase, SuiteException, SuiteOptions, TestRunner } from './suite-options.ts';

/** The groups by name. Each asks a backend what it can do, then registers its tests with the runner. */
export const conformanceGroups = {
  primitives: primitivesSuite,
  fused: fusedSuite,
  attention: attentionSuite,
  models: modelSuite,
  contexts: contextSuite,
  errors: errorSuite,
  ledger: ledgerSuite,
} as const satisfies Readonly<Record<string, (options: SuiteOptions) => Promise<void>>>;

/** Registers every group. */
export async function conformanceSuite(options: SuiteOptions): Promise<void> {
  for (const register of Object.values(conformanceGroups)) await register(options);
}
