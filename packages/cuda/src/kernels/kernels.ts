/** Every operation of the contract on TensorFlow: each call is a scope of its own, from which only results survive. */

import type { FusedOperations, Primitives } from '@inattention/core';
import type { DeviceMemory } from '../memory/device-memory.ts';
import { adamw } from './adamw.ts';
import { arithmeticKernels } from './arithmetic.ts';
import { attend } from './attention/attend.ts';
import { attendBackward } from './attention/attend-backward.ts';
import { attendWeights } from './attention/attend-weights.ts';
import { DistanceTables } from './attention/masked-scores.ts';
import { crossEntropy, crossEntropyBackward } from './cross-entropy.ts';
import { KernelContext } from './kernel-context.ts';
import { matmul } from './matmul.ts';
import { movementKernels } from './movement.ts';
import { rmsNorm, rmsNormBackward, ScaledWeights } from './rms-norm.ts';
import { Rotations, rope } from './rotation.ts';
import { swiglu, swigluBackward } from './swiglu.ts';

export interface Kernels {
  readonly primitives: Primitives;
  readonly fused: FusedOperations;
  /** Gives back what kernels keep between calls. */
  trim(): void;
}

export interface KernelOptions {
  /** Whether products of f32 are rounded to TF32 on this device. */
  readonly tf32: boolean;
}

export function makeKernels(memory: DeviceMemory, { tf32 }: KernelOptions): Kernels {
  const context = new KernelContext(memory);
  const rotations = new Rotations(!tf32);
  const weights = new ScaledWeights();
  const tables = new DistanceTables();
  const tools = { context, rotations, tables };
  const { runtime } = context;
  /** Checks that the backend is there, and gives back what the call leaves. */
  const scoped =
    <Arguments>(kernel: (args: Arguments) => void) =>
    (args: Arguments): void => {
      memory.expectAlive();
      runtime.scope(() => kernel(args));
    };
  const { fill, cast, add, subtract, multiply, divide, affine, exp, log, sqrt, sigmoid, sum, max } =
    arithmeticKernels(context);
  const { gatherRows, scatterAddRows, permute, copyBlock } = movementKernels(context);
  return {
    primitives: {
      fill: scoped(fill),
      cast: scoped(cast),
      add: scoped(add),
      subtract: scoped(subtract),
      multiply: scoped(multiply),
      divide: scoped(divide),
      affine: scoped(affine),
      exp: scoped(exp),
      log: scoped(log),
      sqrt: scoped(sqrt),
      sigmoid: scoped(sigmoid),
      sum: scoped(sum),
      max: scoped(max),
      matmul: scoped((args) => matmul(context, args)),
      gatherRows: scoped(gatherRows),
      scatterAddRows: scoped(scatterAddRows),
      permute: scoped(permute),
      copyBlock: scoped(copyBlock),
    },
    fused: {
      rmsNorm: scoped((args) => rmsNorm(context, weights, args)),
      rmsNormBackward: scoped((args) => rmsNormBackward(context, args)),
      rope: scoped((args) => rope(context, rotations, args)),
      swiglu: scoped((args) => swiglu(context, args)),
      swigluBackward: scoped((args) => swigluBackward(context, args)),
      attend: scoped((args) => attend(tools, args)),
      attendBackward: scoped((args) => attendBackward(tools, args)),
      attendWeights: scoped((args) => attendWeights(tools, args)),
      crossEntropy: scoped((args) => crossEntropy(context, args)),
      crossEntropyBackward: scoped((args) => crossEntropyBackward(context, args)),
      adamw: scoped((args) => adamw(context, args)),
    },
    trim() {
      rotations.trim(context);
      weights.trim(context);
      tables.trim(context);
    },
  };
}
