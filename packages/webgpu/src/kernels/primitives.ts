/** The required primitives, one file each. */

import type { Primitives } from '@inattention/core';
import type { KernelRunner } from '../execution/kernel-runner.ts';
import { fill } from './fill.ts';

export function primitiveKernels(runner: KernelRunner): Primitives {
  return {
    fill: (args) => fill(runner, args),
  };
}
