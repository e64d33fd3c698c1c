/**
 * matmul: out[b] = scale · op(a[b]) · op(b[b]) (+ out[b]), with b in f32, f16 or i8. The call is brought to its cheapest
 * form (problem.ts), cut into parts that a dispatch can do (parts.ts), and each part runs on the kernel of its shape and
 * device (choose-kernel.ts). Per kernel what it loads and stores is told in its file.
 */

import type { MatmulArguments } from '@inattention/core';
import type { DeviceTraits, KernelRunner } from '../execution/kernel-runner.ts';
import { type Choice, chooseKernel } from './matmul/choose-kernel.ts';
import { runFewRowsDot } from './matmul/few-rows-dot.ts';
import { runFewRowsOuter } from './matmul/few-rows-outer.ts';
import { type Part, partsOf } from './matmul/parts.ts';
import { type Problem, problemOf } from './matmul/problem.ts';
import { runRegistersDot } from './matmul/registers-dot.ts';
import { runRegistersOuter } from './matmul/registers-outer.ts';
import { runTiled } from './matmul/tiled.ts';

/** `choose` is for tests, which run every kernel on every device. */
export function matmul(
  runner: KernelRunner,
  args: MatmulArguments,
  choose: (traits: DeviceTraits, problem: Problem) => Choice = chooseKernel,
): void {
  for (const part of partsOf(runner, problemOf(args))) runPart(runner, part, choose(runner.traits, part));
}

function runPart(runner: KernelRunner, part: Part, choice: Choice): void {
  switch (choice.kernel) {
    case 'registers-outer':
      runRegistersOuter(runner, part, choice.shape);
      break;
    case 'registers-dot':
      runRegistersDot(runner, part, choice.shape);
      break;
    case 'few-rows-outer':
      runFewRowsOuter(runner, part, choice.rows, choice.splits);
      break;
    case 'few-rows-dot':
      runFewRowsDot(runner, part, choice.rows, choice.splits);
      break;
    default:
      runTiled(runner, part, choice.tile, choice.splits);
  }
}
