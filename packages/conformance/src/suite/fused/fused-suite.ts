/** Group 2: fused = composed = reference, forward and backward, and differentiation by rule. Attention has a group of its own. */

import { conformanceGroup } from '../conformance-group.ts';
import type { SuiteOptions } from '../suite-options.ts';
import { adamwTests } from './adamw-tests.ts';
import { crossEntropyTests } from './cross-entropy-tests.ts';
import { gradientTests } from './gradient-tests.ts';
import { rmsNormTests } from './rms-norm-tests.ts';
import { ropeTests } from './rope-tests.ts';
import { swigluTests } from './swiglu-tests.ts';

export function fusedSuite(options: SuiteOptions): Promise<void> {
  return conformanceGroup(options, 'fused', (group) => {
    rmsNormTests(group);
    ropeTests(group);
    swigluTests(group);
    crossEntropyTests(group);
    adamwTests(group);
    gradientTests(group);
  });
}
