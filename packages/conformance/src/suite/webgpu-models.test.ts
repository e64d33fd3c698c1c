/** The WebGPU backend judged by the suite: whole models. All by composed operations too: webgpu-models.long.test.ts. */

import { afterAll, describe, test, vi } from 'vitest';
import { goldenCasesHere } from '../../test/golden-cases.ts';
import { webgpuBackends } from '../../test/webgpu-here.ts';
import { modelSuite } from './models/model-suite.ts';
import type { Measurement } from './suite-options.ts';

vi.setConfig({ testTimeout: 120_000 });

const worst = new Map<string, Measurement>();
afterAll(() => console.table([...worst.values()]));

await modelSuite({
  name: 'webgpu',
  createBackend: await webgpuBackends(),
  runner: { describe, test },
  goldenCases: await goldenCasesHere(),
  composedCases: [
    'rope',
    'window',
    'alibi-odd-heads',
    'learned-window',
    'hybrid-window',
    'biases',
    'norms-hybrid-yarn',
  ],
  onMeasurement: (measurement) => {
    const key = measurement.operation + measurement.dtype;
    if (measurement.share > (worst.get(key)?.share ?? -1)) worst.set(key, measurement);
  },
});
