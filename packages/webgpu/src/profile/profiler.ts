/**
 * Times dispatches by timestamp queries: each gets a compute pass of its own while a profile is made. Without that
 * feature dispatches, operations and bytes are counted all the same.
 */

import type { DispatchTimer } from '../execution/command-queue.ts';
import type { DispatchCommand } from '../execution/commands.ts';
import { mapModeRead, queryUsage, readbackUsage } from '../memory/buffer-usage.ts';
import type { Allocation } from '../memory/device-buffer.ts';
import type { DeviceMemory } from '../memory/device-memory.ts';
import { type DispatchProfile, type Profile, profileOf } from './profile.ts';

/** Queries of a set, at most, on every device: two for each dispatch. */
const mostQueries = 4096;

/** The timestamps of one submission. */
interface TimedSubmission {
  readonly queries: GPUQuerySet | null;
  readonly commands: DispatchCommand[];
  /** Where they arrive; set when the submission is encoded. */
  readback: Allocation | null;
}

export class Profiler implements DispatchTimer {
  readonly #device: GPUDevice;
  readonly #memory: DeviceMemory;
  readonly #timed: boolean;
  readonly #submissions: TimedSubmission[] = [];
  /** Held until `collect`, for the commands that write them are not submitted yet when they are made. */
  readonly #resolved: Allocation[] = [];
  #current: TimedSubmission | null = null;

  constructor(device: GPUDevice, memory: DeviceMemory) {
    this.#device = device;
    this.#memory = memory;
    this.#timed = device.features.has('timestamp-query');
  }

  begin(command: DispatchCommand): GPUComputePassTimestampWrites | undefined {
    this.#current ??= this.#newSubmission();
    const { queries, commands } = this.#current;
    const first = 2 * commands.length;
    commands.push(command);
    if (queries === null || first + 2 > mostQueries) return undefined;
    return { querySet: queries, beginningOfPassWriteIndex: first, endOfPassWriteIndex: first + 1 };
  }

  resolve(encoder: GPUCommandEncoder): void {
    const submission = this.#current;
    this.#current = null;
    if (submission?.queries == null) return;
    const count = Math.min(mostQueries, 2 * submission.commands.length);
    const resolved = this.#memory.create(count * 8, queryUsage);
    const readback = this.#memory.create(count * 8, readbackUsage);
    encoder.resolveQuerySet(submission.queries, 0, count, resolved.buffer, 0);
    encoder.copyBufferToBuffer(resolved.buffer, 0, readback.buffer, 0, count * 8);
    submission.readback = readback;
    this.#resolved.push(resolved);
  }

  /** What was timed, after everything was submitted, in so many submissions. */
  async collect(submissions: number): Promise<Profile> {
    const profiles: DispatchProfile[] = [];
    for (const { commands, readback } of this.#submissions) {
      const times = readback === null ? null : await readTimes(readback);
      commands.forEach(({ pipeline, workgroups, flops, bytes, traffic }, place) => {
        const [begin = null, end = null] = times === null ? [] : [times[2 * place], times[2 * place + 1]];
        profiles.push({ kernel: pipeline.name, workgroups, flops, bytes, traffic, begin, end });
      });
    }
    return profileOf(profiles, submissions);
  }

  #newSubmission(): TimedSubmission {
    const queries = this.#timed ? this.#device.createQuerySet({ type: 'timestamp', count: mostQueries }) : null;
    const submission = { queries, commands: [], readback: null };
    this.#submissions.push(submission);
    return submission;
  }

  /** Gives back what timing took. */
  dispose(): void {
    for (const resolved of this.#resolved.splice(0)) this.#memory.destroy(resolved);
    for (const { queries, readback } of this.#submissions.splice(0)) {
      queries?.destroy();
      if (readback !== null) this.#memory.destroy(readback);
    }
  }
}

/** Timestamps in nanoseconds. They are 64-bit counts; as numbers they are exact for 104 days of uptime. */
async function readTimes({ buffer }: Allocation): Promise<number[]> {
  await buffer.mapAsync(mapModeRead);
  const times = [...new BigUint64Array(buffer.getMappedRange())].map(Number);
  buffer.unmap();
  return times;
}
