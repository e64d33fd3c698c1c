/** The WebGPU backend judged by the suite: every golden case, by fused and by composed operations. */

import { describe, test, vi } from 'vitest';
import { goldenCasesHere } from '../../test/golden-cases.ts';
import { webgpuBackends } from '../../test/webgpu-here.ts';
import { modelSuite } from './models/model-suite.ts';

vi.setConfig({ testTimeout: 240_000 });

await modelSuite({
  name: 'webgpu',
  createBackend: await webgpuBackends(),
  runner: { describe, test },
  goldenCases: await goldenCasesHere(),
});
