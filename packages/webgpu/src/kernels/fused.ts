/** The fused operations of this backend, one file each. */

import type { FusedOperations } from '@inattention/core';
import type { KernelRunner } from '../execution/kernel-runner.ts';
import { rmsNorm } from './rms-norm.ts';

export function fusedKernels(runner: KernelRunner): Partial<FusedOperations> {
  return {
    rmsNorm: (args) => rmsNorm(runner, args),
  };
}
