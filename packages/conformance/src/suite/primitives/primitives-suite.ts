/** Group 1: every primitive against the float64 reference. */

import { conformanceGroup } from '../conformance-group.ts';
import type { SuiteOptions } from '../suite-options.ts';
import { blockScaledTests } from './block-scaled-tests.ts';
import { copyBlockTests } from './copy-block-tests.ts';
import { elementwiseTests } from './elementwise-tests.ts';
import { emptyTests } from './empty-tests.ts';
import { matmulTests } from './matmul-tests.ts';
import { movementTests } from './movement-tests.ts';
import { reductionTests } from './reduction-tests.ts';
import { rowTests } from './row-tests.ts';
import { weightBlockTests } from './weight-block-tests.ts';

export function primitivesSuite(options: SuiteOptions): Promise<void> {
  return conformanceGroup(options, 'primitives', (group) => {
    elementwiseTests(group);
    reductionTests(group);
    matmulTests(group);
    rowTests(group);
    blockScaledTests(group);
    weightBlockTests(group);
    movementTests(group);
    copyBlockTests(group);
    emptyTests(group);
  });
}
