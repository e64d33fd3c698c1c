/** The WebGPU backend judged by the suite: whole models. */

import { createWebGpuBackend, openDevice } from '@inattention/webgpu';
import { afterAll, describe, test, vi } from 'vitest';
import { goldenCasesHere } from '../../test/golden-cases.ts';
import { modelSuite } from './models/model-suite.ts';
import type { Measurement } from './suite-options.ts';

vi.setConfig({ testTimeout: 120_000 });

const worst = new Map<string, Measurement>();
afterAll(() => console.table([...worst.values()]));

const { device } = await openDevice();
await modelSuite({
  name: 'webgpu',
  createBackend: () => createWebGpuBackend({ device }),
  runner: { describe, test },
  goldenCases: await goldenCasesHere(),
  onMeasurement: (measurement) => {
    const key = measurement.operation + measurement.dtype;
    if (measurement.share > (worst.get(key)?.share ?? -1)) worst.set(key, measurement);
  },
});
