/** The machine a sweep runs on, for its result. Node only. */

import { cpus, totalmem } from 'node:os';

export function environment(): Record<string, string | number> {
  const [cpu] = cpus();
  return {
    runtime: `Node ${process.versions.node}`,
    platform: `${process.platform} ${process.arch}`,
    cpu: cpu?.model ?? 'unknown',
    cores: cpus().length,
    memoryBytes: totalmem(),
  };
}
