/** The CPU backend judged by the suite. */

import { createCpuBackend } from '@inattention/cpu';
import { describe, test, vi } from 'vitest';
import { primitivesSuite } from './primitives/primitives-suite.ts';

vi.setConfig({ testTimeout: 120_000 });

await primitivesSuite({ name: 'cpu', createBackend: () => createCpuBackend(), runner: { describe, test } });
