/** The CUDA backend judged by the suite: whole models, contexts, errors and the ledger. */

import { createCudaBackend } from '@inattention/cuda';
import { afterAll, describe, test, vi } from 'vitest';
import { namedGoldenCases } from '../golden/golden-folders.ts';
import { contextSuite } from './contexts/context-suite.ts';
import { errorSuite } from './errors/error-suite.ts';
import { ledgerSuite } from './ledger/ledger-suite.ts';
import { modelSuite } from './models/model-suite.ts';
import type { Measurement, SuiteOptions } from './suite-options.ts';

vi.setConfig({ testTimeout: 240_000 });

const worst = new Map<string, Measurement>();
afterAll(() => console.table([...worst.values()]));

const options: SuiteOptions = {
  name: 'cuda',
  createBackend: () => createCudaBackend(),
  runner: { describe, test },
  goldenCases: namedGoldenCases(),
  ledgerOperations: 400,
  onMeasurement: (measurement) => {
    const key = measurement.operation + measurement.dtype;
    if (measurement.share > (worst.get(key)?.share ?? -1)) worst.set(key, measurement);
  },
};
await modelSuite(options);
await contextSuite(options);
await errorSuite(options);
await ledgerSuite(options);
