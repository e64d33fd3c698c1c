/** The WebGPU backend judged by the suite: attention. */

import { describe, test, vi } from 'vitest';
import { webgpuBackends } from '../../test/webgpu-here.ts';
import { attentionSuite } from './attention/attention-suite.ts';

vi.setConfig({ testTimeout: 120_000 });

await attentionSuite({ name: 'webgpu', createBackend: await webgpuBackends(), runner: { describe, test } });
