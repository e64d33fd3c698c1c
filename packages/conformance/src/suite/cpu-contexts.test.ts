/** The CPU backend judged by the suite: contexts and errors. */

import { createCpuBackend } from '@inattention/cpu';
import { afterAll, describe, test, vi } from 'vitest';
import { contextSuite } from './contexts/context-suite.ts';
import { errorSuite } from './errors/error-suite.ts';
import type { Measurement, SuiteOptions } from './suite-options.ts';

vi.setConfig({ testTimeout: 120_000 });
const worst = new Map<string, Measurement>();
afterAll(() => console.table([...worst.values()]));

const options: SuiteOptions = {
  name: 'cpu',
  createBackend: () => createCpuBackend(),
  runner: { describe, test },
  onMeasurement: (measurement) => {
    const key = measurement.operation + measurement.dtype;
    if (measurement.share > (worst.get(key)?.share ?? -1)) worst.set(key, measurement);
  },
};
await contextSuite(options);
await errorSuite(options);
