/** The fused operations of this backend, one file each. */

import type { FusedOperations } from '@inattention/core';
import type { KernelRunner } from '../execution/kernel-runner.ts';
import { adamw } from './adamw.ts';
import { attend } from './attention/attend.ts';
import { attendBackward } from './attention/backward.ts';
import { attendWeights } from './attention/weights.ts';
import { crossEntropy } from './cross-entropy.ts';
import { crossEntropyBackward } from './cross-entropy-backward.ts';
import { rmsNorm } from './rms-norm.ts';
import { rmsNormBackward } from './rms-norm-backward.ts';
import { rope } from './rope.ts';
import { swiglu } from './swiglu.ts';
import { swigluBackward } from './swiglu-backward.ts';

export function fusedKernels(runner: KernelRunner): Partial<FusedOperations> {
  return {
    attend: (args) => attend(runner, args),
    attendBackward: (args) => attendBackward(runner, args),
    attendWeights: (args) => attendWeights(runner, args),
    rmsNorm: (args) => rmsNorm(runner, args),
    rmsNormBackward: (args) => rmsNormBackward(runner, args),
    rope: (args) => rope(runner, args),
    swiglu: (args) => swiglu(runner, args),
    swigluBackward: (args) => swigluBackward(runner, args),
    crossEntropy: (args) => crossEntropy(runner, args),
    crossEntropyBackward: (args) => crossEntropyBackward(runner, args),
    adamw: (args) => adamw(runner, args),
  };
}
