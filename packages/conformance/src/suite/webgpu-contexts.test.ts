/** The WebGPU backend judged by the suite: contexts and errors. */

import { createWebGpuBackend, openDevice } from '@inattention/webgpu';
import { describe, test, vi } from 'vitest';
import { contextSuite } from './contexts/context-suite.ts';
import { errorSuite } from './errors/error-suite.ts';
import type { SuiteOptions } from './suite-options.ts';

vi.setConfig({ testTimeout: 120_000 });

const { device } = await openDevice();
const options: SuiteOptions = {
  name: 'webgpu',
  createBackend: () => createWebGpuBackend({ device }),
  runner: { describe, test },
};
await contextSuite(options);
await errorSuite(options);
