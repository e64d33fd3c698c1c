/**
 * The WebGPU backend judged by the suite: contexts and errors. Fewer sequences and models than on the CPU: each is many
 * dispatches. Memory, generation and loss are tested on all models in files of their own.
 */

import { describe, test, vi } from 'vitest';
import { webgpuBackends } from '../../test/webgpu-here.ts';
import { contextSuite } from './contexts/context-suite.ts';
import { errorSuite } from './errors/error-suite.ts';
import type { SuiteOptions } from './suite-options.ts';

vi.setConfig({ testTimeout: 120_000 });

const options: SuiteOptions = {
  name: 'webgpu',
  createBackend: await webgpuBackends(),
  runner: { describe, test },
  contextSequences: 2,
  smallModels: ['rope, w = 3', 'alibi, w = 1', 'hybrid, yarn, w = 3, norms'],
};
await contextSuite(options);
await errorSuite(options);
