/** The CUDA backend judged by the suite: operations. */

import { describe, test, vi } from 'vitest';
import { cudaBackends } from '../../test/cuda-here.ts';
import { attentionSuite } from './attention/attention-suite.ts';
import { fusedSuite } from './fused/fused-suite.ts';
import { primitivesSuite } from './primitives/primitives-suite.ts';
import type { SuiteOptions } from './suite-options.ts';

vi.setConfig({ testTimeout: 120_000 });

const options: SuiteOptions = {
  name: 'cuda',
  createBackend: await cudaBackends(),
  runner: { describe, test },
};
await primitivesSuite(options);
await fusedSuite(options);
await attentionSuite(options);
