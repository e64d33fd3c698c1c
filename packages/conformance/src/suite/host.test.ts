/** The smallest backend, with nothing but primitives, judged by the suite: what core composes is right. */

import { createHostBackend } from '@inattention/core/testing';
import { describe, test, vi } from 'vitest';
import { attentionSuite } from './attention/attention-suite.ts';
import { contextSuite } from './contexts/context-suite.ts';
import { fusedSuite } from './fused/fused-suite.ts';
import { primitivesSuite } from './primitives/primitives-suite.ts';
import type { SuiteOptions } from './suite-options.ts';

vi.setConfig({ testTimeout: 120_000 });

const options: SuiteOptions = {
  name: 'host',
  createBackend: async () => createHostBackend(),
  runner: { describe, test },
};
await primitivesSuite(options);
await fusedSuite(options);
await attentionSuite(options);
await contextSuite(options);
