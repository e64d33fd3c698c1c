/** Group 5: what follows from contexts being their ids (DESIGN §3): costs, edits, forks, saved sessions. */

import { conformanceGroup } from '../conformance-group.ts';
import type { SuiteOptions } from '../suite-options.ts';
import { editTests } from './edit-tests.ts';
import { planTests } from './plan-tests.ts';
import { randomTests } from './random-tests.ts';
import { workTests } from './work-tests.ts';

export function contextSuite(options: SuiteOptions): Promise<void> {
  return conformanceGroup(options, 'contexts', (group) => {
    planTests(group);
    editTests(group);
    workTests(group);
    randomTests(group, options.contextSequences ?? 30);
  });
}
