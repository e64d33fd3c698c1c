/** The CPU backend: whole models and contexts. */

import { createCpuBackend } from '@inattention/cpu';
import { describe, test } from 'vitest';
import { listGoldenCases, loadGoldenCase } from '../golden/golden-folders.ts';
import { conformanceSuite } from './conformance-suite.ts';

const directory = process.env.INATTENTION_GOLDEN_CASES;
conformanceSuite({
  name: 'cpu',
  createBackend: () => createCpuBackend(),
  runner: { describe, test: (name, body) => test(name, { timeout: 120_000 }, body) },
  cases: listGoldenCases(directory).map((name) => ({ name, load: () => loadGoldenCase(name, directory) })),
});
