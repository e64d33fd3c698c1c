/** The fused operations of this backend, one file each. */

import type { FusedOperations } from '@inattention/core';
import type { KernelRunner } from '../execution/kernel-runner.ts';

export function fusedKernels(_runner: KernelRunner): Partial<FusedOperations> {
  return {};
}
