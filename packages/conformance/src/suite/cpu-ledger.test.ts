/** The CPU backend's ledger. One thread: its models are too small for more. */

import { createCpuBackend } from '@inattention/cpu';
import { describe, test, vi } from 'vitest';
import { ledgerSuite } from './ledger/ledger-suite.ts';

vi.setConfig({ testTimeout: 120_000 });

await ledgerSuite({
  name: 'cpu',
  createBackend: () => createCpuBackend({ threads: 1 }),
  runner: { describe, test },
});
