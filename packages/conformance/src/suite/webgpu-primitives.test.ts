/** The WebGPU backend judged by the suite: primitives. */

import { createWebGpuBackend, openDevice } from '@inattention/webgpu';
import { describe, test, vi } from 'vitest';
import { primitivesSuite } from './primitives/primitives-suite.ts';

vi.setConfig({ testTimeout: 120_000 });

const { device } = await openDevice();
await primitivesSuite({
  name: 'webgpu',
  createBackend: () => createWebGpuBackend({ device }),
  runner: { describe, test },
});
