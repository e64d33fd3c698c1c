/** The CUDA backend judged by the suite: contexts. */

import { describe, test, vi } from 'vitest';
import { cudaBackends } from '../../test/cuda-here.ts';
import { contextSuite } from './contexts/context-suite.ts';

vi.setConfig({ testTimeout: 240_000 });

await contextSuite({
  name: 'cuda',
  createBackend: await cudaBackends(),
  runner: { describe, test },
  // A call of the library takes its time, however little there is to compute.
  contextSequences: 10,
  smallModels: ['rope, w = 3', 'learned, w = 2', 'alibi, w = 1', 'none, w = 2', 'hybrid, yarn, w = 3, norms'],
});
