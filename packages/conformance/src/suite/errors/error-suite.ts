/** Group 6: what goes wrong is refused by name, before anything is changed, and what existed stays usable. */

import { conformanceGroup } from '../conformance-group.ts';
import type { SuiteOptions } from '../suite-options.ts';
import { cancelTests } from './cancel-tests.ts';
import { lateFailureTests } from './late-failure-tests.ts';
import { memoryTests } from './memory-tests.ts';
import { misuseTests } from './misuse-tests.ts';
import { refusalTests } from './refusal-tests.ts';

export function errorSuite(options: SuiteOptions): Promise<void> {
  return conformanceGroup(options, 'errors', (group) => {
    refusalTests(group);
    misuseTests(group);
    cancelTests(group);
    memoryTests(group);
    lateFailureTests(group);
  });
}
