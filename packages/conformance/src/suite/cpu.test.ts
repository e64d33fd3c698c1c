/** The CPU backend judged by the suite. */

import { createCpuBackend } from '@inattention/cpu';
import { afterAll, describe, test, vi } from 'vitest';
import { attentionSuite } from './attention/attention-suite.ts';
import { fusedSuite } from './fused/fused-suite.ts';
import { primitivesSuite } from './primitives/primitives-suite.ts';
import type { Measurement, SuiteOptions } from './suite-options.ts';

vi.setConfig({ testTimeout: 120_000 });

const worst = new Map<string, Measurement>();
const options: SuiteOptions = {
  name: 'cpu',
  createBackend: () => createCpuBackend(),
  runner: { describe, test },
  onMeasurement: (measurement) => {
    const key = measurement.operation + measurement.dtype;
    if (measurement.share > (worst.get(key)?.share ?? -1)) worst.set(key, measurement);
  },
};
afterAll(() => console.table([...worst.values()]));
await primitivesSuite(options);
await fusedSuite(options);
await attentionSuite(options);
