/** The WebGPU backend judged by the suite: fused. */

import { describe, test, vi } from 'vitest';
import { webgpuBackends } from '../../test/webgpu-here.ts';
import { fusedSuite } from './fused/fused-suite.ts';

vi.setConfig({ testTimeout: 120_000 });

await fusedSuite({ name: 'webgpu', createBackend: await webgpuBackends(), runner: { describe, test } });
