/** The CPU backend judged by the suite: whole models. */

import { createCpuBackend } from '@inattention/cpu';
import { afterAll, describe, test, vi } from 'vitest';
import { namedGoldenCases } from '../golden/golden-folders.ts';
import { modelSuite } from './models/model-suite.ts';
import type { Measurement } from './suite-options.ts';

vi.setConfig({ testTimeout: 120_000 });
const worst = new Map<string, Measurement>();
afterAll(() => console.table([...worst.values()]));

await modelSuite({
  name: 'cpu',
  createBackend: () => createCpuBackend(),
  runner: { describe, test },
  goldenCases: namedGoldenCases(),
  onMeasurement: (measurement) => {
    const key = measurement.operation + measurement.dtype;
    if (measurement.share > (worst.get(key)?.share ?? -1)) worst.set(key, measurement);
  },
});
