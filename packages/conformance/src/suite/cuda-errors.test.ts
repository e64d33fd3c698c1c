/** The CUDA backend judged by the suite: errors and the ledger. */

import { describe, test, vi } from 'vitest';
import { cudaBackends } from '../../test/cuda-here.ts';
import { errorSuite } from './errors/error-suite.ts';
import { ledgerSuite } from './ledger/ledger-suite.ts';
import type { SuiteOptions } from './suite-options.ts';

vi.setConfig({ testTimeout: 240_000 });

const options: SuiteOptions = {
  name: 'cuda',
  createBackend: await cudaBackends(),
  runner: { describe, test },
  ledgerOperations: 150,
  smallModels: ['rope, w = 3', 'alibi, w = 1', 'hybrid, yarn, w = 3, norms'],
};
await errorSuite(options);
await ledgerSuite(options);
