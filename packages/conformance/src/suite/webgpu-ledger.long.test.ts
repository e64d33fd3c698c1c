/** The WebGPU backend's ledger. Fewer operations than on the CPU: each is many dispatches on a software adapter. */

import { describe, test, vi } from 'vitest';
import { webgpuBackends } from '../../test/webgpu-here.ts';
import { ledgerSuite } from './ledger/ledger-suite.ts';

vi.setConfig({ testTimeout: 240_000 });

await ledgerSuite({
  name: 'webgpu',
  createBackend: await webgpuBackends(),
  runner: { describe, test },
  ledgerOperations: 200,
  // What was given back stays for 16 reads and syncs: 4.7 MB of scratch at most were seen here.
  reservedBytes: 8 * 1024 ** 2,
});
