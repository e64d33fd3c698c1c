/** attend: which way attention over a context view goes on this device. */

import type { AttendArguments } from '@inattention/core';
import type { KernelRunner } from '../../execution/kernel-runner.ts';
import { attendByBlocks } from './decode.ts';
import { attendByTiles } from './prefill.ts';

/** Queries from which on a tile is worth its workgroup memory. */
const leastForTiles = 16;

/** `together`: invocations of a workgroup share memory (real GPUs); false on devices where that is slow. */
export function attend(runner: KernelRunner, args: AttendArguments, together = !runner.traits.software): void {
  const { queries, from, to } = args;
  if (queries.shape.includes(0)) return;
  if (together && (queries.shape[0] as number) >= leastForTiles && from < to) attendByTiles(runner, args);
  else attendByBlocks(runner, args, together);
}
