/** attend: which way attention over a context view goes on this device. */

import type { AttendArguments } from '@inattention/core';
import type { KernelRunner } from '../../execution/kernel-runner.ts';
import { attendByBlocks } from './decode.ts';

export function attend(runner: KernelRunner, args: AttendArguments, together = !runner.traits.software): void {
  if (args.queries.shape.includes(0)) return;
  attendByBlocks(runner, args, together);
}
