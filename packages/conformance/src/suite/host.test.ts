/** The smallest backend, with nothing but primitives, judged by the suite: what core composes is right. */

import { createHostBackend } from '@inattention/core/testing';
import { describe, test, vi } from 'vitest';
import { attentionSuite } from './attention/attention-suite.ts';
import { conformanceGroup } from './conformance-group.ts';
import { planTests } from './contexts/plan-tests.ts';
import { workTests } from './contexts/work-tests.ts';
import { fusedSuite } from './fused/fused-suite.ts';
import { ledgerSuite } from './ledger/ledger-suite.ts';
import { weightDTypeTests } from './models/weight-dtype-tests.ts';
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
await conformanceGroup(options, 'models', weightDTypeTests);
// Plain JavaScript takes minutes over the edits of every model: what is counted is enough.
await conformanceGroup(options, 'contexts', (group) => {
  planTests(group);
  workTests(group);
});
await ledgerSuite({ ...options, ledgerOperations: 800 });
