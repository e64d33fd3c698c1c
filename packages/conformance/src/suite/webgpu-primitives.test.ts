/**
 * The WebGPU backend judged by the suite: primitives. Once as the adapter here has it, and once with the kernels of graphics
 * cards on no more than WebGPU's default limits.
 */

import { createWebGpuBackend, openDevice } from '@inattention/webgpu';
import { describe, test, vi } from 'vitest';
import { primitivesSuite } from './primitives/primitives-suite.ts';

vi.setConfig({ testTimeout: 120_000 });

const runner = { describe, test };
const { device } = await openDevice();
await primitivesSuite({ name: 'webgpu', createBackend: () => createWebGpuBackend({ device }), runner });

const { device: plain } = await openDevice({ limits: 'default' });
await primitivesSuite({
  name: 'webgpu, GPU kernels, default limits',
  createBackend: () => createWebGpuBackend({ device: plain, kernels: 'gpu' }),
  runner,
});
