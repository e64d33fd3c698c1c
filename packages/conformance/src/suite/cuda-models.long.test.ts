/** The CUDA backend judged by the suite: golden cases of long texts, by composed operations too. */

import { describe, test, vi } from 'vitest';
import { cudaBackends } from '../../test/cuda-here.ts';
import { namedGoldenCases } from '../golden/golden-folders.ts';
import { modelSuite } from './models/model-suite.ts';

vi.setConfig({ testTimeout: 240_000 });

await modelSuite({
  name: 'cuda',
  createBackend: await cudaBackends(),
  runner: { describe, test },
  goldenCases: namedGoldenCases().filter(({ name }) => name.startsWith('long-')),
});
