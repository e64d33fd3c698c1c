/** The CUDA backend judged by the suite: whole models. Long texts by composed operations: cuda-models.long.test.ts. */

import { afterAll, describe, test, vi } from 'vitest';
import { cudaBackends } from '../../test/cuda-here.ts';
import { namedGoldenCases } from '../golden/golden-folders.ts';
import { modelSuite } from './models/model-suite.ts';
import type { Measurement, TestRunner } from './suite-options.ts';

vi.setConfig({ testTimeout: 240_000 });

const worst = new Map<string, Measurement>();
afterAll(() => console.table([...worst.values()]));

const cases = namedGoldenCases();
const isLong = ({ name }: { readonly name: string }) => name.startsWith('long-');

const shared = {
  createBackend: await cudaBackends(),
  onMeasurement: (measurement: Measurement) => {
    const key = measurement.operation + measurement.dtype;
    if (measurement.share > (worst.get(key)?.share ?? -1)) worst.set(key, measurement);
  },
};
const fusedOnly: TestRunner = {
  describe,
  test: (name, body) => (name.endsWith('composed') ? undefined : test(name, body)),
};

const short = cases.filter((golden) => !isLong(golden));
await modelSuite({ ...shared, name: 'cuda', runner: { describe, test }, goldenCases: short });
await modelSuite({ ...shared, name: 'cuda', runner: fusedOnly, goldenCases: cases.filter(isLong) });
