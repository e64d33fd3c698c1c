/** Every group of the suite. */

import { contextSuite } from './contexts.ts';
import { modelSuite } from './models.ts';
import type { SuiteOptions } from './suite.ts';

/** Registers all tests of a backend with the runner. */
export function conformanceSuite(options: SuiteOptions): void {
  modelSuite(options);
  contextSuite(options);
}
