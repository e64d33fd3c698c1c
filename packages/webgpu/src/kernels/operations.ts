/** Every operation of this backend. The backend loads this file while its device is opened, and not before. */

import type { Backend } from '@inattention/core';
import type { KernelRunner } from '../execution/kernel-runner.ts';
import { fusedKernels } from './fused.ts';
import { primitiveKernels } from './primitives.ts';

export function operationsOf(runner: KernelRunner): Pick<Backend, 'primitives' | 'fused'> {
  return { primitives: primitiveKernels(runner), fused: fusedKernels(runner) };
}
