/** Group 1: every primitive against the float64 reference. */

import { conformanceGroup } from '../conformance-group.ts';
import type { SuiteOptions } from '../suite-options.ts';
import { elementwiseTests } from './elementwise-tests.ts';

export function primitivesSuite(options: SuiteOptions): Promise<void> {
  return conformanceGroup(options, 'primitives', (group) => {
    elementwiseTests(group);
  });
}
