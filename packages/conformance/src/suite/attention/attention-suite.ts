/** Group 3: attention over every kind of context view, in parts and as a whole, forward and backward. */

import { conformanceGroup } from '../conformance-group.ts';
import type { SuiteOptions } from '../suite-options.ts';
import { attendTests } from './attend-tests.ts';
import { backwardTests } from './backward-tests.ts';
import { expandTests } from './expand-tests.ts';
import { longTests } from './long-tests.ts';
import { partTests } from './part-tests.ts';
import { weightTests } from './weight-tests.ts';

export function attentionSuite(options: SuiteOptions): Promise<void> {
  return conformanceGroup(options, 'attention', (group) => {
    attendTests(group);
    partTests(group);
    weightTests(group);
    backwardTests(group);
    expandTests(group);
    longTests(group);
  });
}
