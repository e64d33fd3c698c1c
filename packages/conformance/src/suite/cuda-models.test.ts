/** The CUDA backend judged by the suite: whole models. Long texts by composed operations: cuda-models.long.test.ts. */

import { afterAll, describe, test, vi } from 'vitest';
import { cudaBackends } from '../../test/cuda-here.ts';
import { namedGoldenCases } from '../golden/golden-folders.ts';
import { modelSuite } from './models/model-suite.ts';
import type { Measurement } from './suite-options.ts';

vi.setConfig({ testTimeout: 240_000 });

const worst = new Map<string, Measurement>();
afterAll(() => console.table([...worst.values()]));

const cases = namedGoldenCases();

await modelSuite({
  name: 'cuda',
  createBackend: await cudaBackends(),
  runner: { describe, test },
  goldenCases: cases,
  composedCases: cases.map(({ name }) => name).filter((name) => !name.startsWith('long-')),
  onMeasurement: (measurement) => {
    const key = measurement.operation + measurement.dtype;
    if (measurement.share > (worst.get(key)?.share ?? -1)) worst.set(key, measurement);
  },
});
