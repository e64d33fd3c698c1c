/** The WebGPU backend judged by the suite: primitives. */

import { describe, test, vi } from 'vitest';
import { webgpuBackends } from '../../test/webgpu-here.ts';
import { primitivesSuite } from './primitives/primitives-suite.ts';

vi.setConfig({ testTimeout: 120_000 });

await primitivesSuite({ name: 'webgpu', createBackend: await webgpuBackends(), runner: { describe, test } });
