/** The WebGPU backend judged by the suite: attention. */

import { createWebGpuBackend, openDevice } from '@inattention/webgpu';
import { describe, test, vi } from 'vitest';
import { attentionSuite } from './attention/attention-suite.ts';

vi.setConfig({ testTimeout: 120_000 });

const { device } = await openDevice();
await attentionSuite({
  name: 'webgpu',
  createBackend: () => createWebGpuBackend({ device }),
  runner: { describe, test },
});
