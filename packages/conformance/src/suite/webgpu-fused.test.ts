/** The WebGPU backend judged by the suite: fused. */

import { createWebGpuBackend, openDevice } from '@inattention/webgpu';
import { describe, test, vi } from 'vitest';
import { fusedSuite } from './fused/fused-suite.ts';

vi.setConfig({ testTimeout: 120_000 });

const { device } = await openDevice();
await fusedSuite({ name: 'webgpu', createBackend: () => createWebGpuBackend({ device }), runner: { describe, test } });
