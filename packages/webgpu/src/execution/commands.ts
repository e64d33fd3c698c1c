/** What can be recorded: dispatches, copies, and bytes from the host. */

import type { Allocation } from '../memory/device-buffer.ts';
import type { PipelineEntry } from './pipelines.ts';

/** A range of an allocation, as a slot of a bind group. */
export interface BoundRange {
  readonly allocation: Allocation;
  readonly offset: number;
  readonly size: number;
}

/** What invocations load from device memory and store there, caches or not. */
export interface Traffic {
  /** Loads and stores; a vector is one. */
  readonly accesses: number;
  /** Bytes of them. */
  readonly bytes: number;
}

export interface DispatchCommand {
  readonly kind: 'dispatch';
  readonly pipeline: PipelineEntry;
  /** The slots after the params; null for inline words, in their order. */
  readonly slots: readonly (BoundRange | null)[];
  readonly params: Uint32Array;
  readonly inline: readonly Uint32Array[];
  readonly workgroups: readonly [x: number, y: number, z: number];
  /** Floating-point operations, for the profile. */
  readonly flops: number;
  /** Bytes that have to be read and written at least, for the profile. */
  readonly bytes: number;
  /** Loads and stores of device memory and their bytes, for the profile; null where the kernel does not count them. */
  readonly traffic: Traffic | null;
}

interface CopyCommand {
  readonly kind: 'copy';
  readonly from: Allocation;
  readonly fromOffset: number;
  readonly to: Allocation;
  readonly toOffset: number;
  readonly size: number;
}

interface UploadCommand {
  readonly kind: 'upload';
  readonly to: Allocation;
  readonly toOffset: number;
  /** A copy of the caller's bytes; a multiple of 4. */
  readonly bytes: Uint8Array;
}

export type Command = DispatchCommand | CopyCommand | UploadCommand;

/** The allocations a command uses. */
export function allocationsOf(command: Command): Allocation[] {
  switch (command.kind) {
    case 'dispatch':
      return command.slots.flatMap((slot) => (slot === null ? [] : [slot.allocation]));
    case 'copy':
      return [command.from, command.to];
    case 'upload':
      return [command.to];
  }
}
