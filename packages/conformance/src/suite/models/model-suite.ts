/** Group 4: whole models against golden cases, in each dtype of weights, and generation, which must not depend on how a context is kept. */

import { conformanceGroup } from '../conformance-group.ts';
import type { SuiteOptions } from '../suite-options.ts';
import { generationTests } from './generation-tests.ts';
import { goldenTests } from './golden-tests.ts';
import { weightDTypeTests } from './weight-dtype-tests.ts';

export function modelSuite(options: SuiteOptions): Promise<void> {
  return conformanceGroup(options, 'models', (group) => {
    goldenTests(group, options);
    weightDTypeTests(group);
    generationTests(group);
  });
}
