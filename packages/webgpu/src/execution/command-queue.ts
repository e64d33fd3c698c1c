/**
 * Commands are recorded here and handed to the device in few submissions: at a border (read, sync), or when many have
 * come together. Before a submission its pipelines are compiled and its buffers known to have memory; when either fails
 * nothing of the submission runs, and every border that waits for it rejects.
 */

import { BackendFailedError, BackendLostError, InAttentionError } from '@inattention/core';
import type { DispatchBounds } from '../device/dispatch-bounds.ts';
import type { Allocation } from '../memory/device-buffer.ts';
import type { DeviceMemory } from '../memory/device-memory.ts';
import { BindGroups } from './bind-groups.ts';
import { allocationsOf, type BoundRange, type Command, type DispatchCommand } from './commands.ts';
import { ParameterRing } from './parameter-ring.ts';

/** Commands, and dispatches' worth of operations, after which a submission is made without being asked for. */
const mostCommands = 2048;
const mostWork = 20;

/** Milliseconds that a failure waits for word that the device was lost, which may come after it. */
const patience = 1000;

/** Times dispatches; see profile/. */
export interface DispatchTimer {
  /** The timestamps of one dispatch; undefined when it is not timed. */
  begin(command: DispatchCommand): GPUComputePassTimestampWrites | undefined;
  /** Ends the encoder's part: called before it is finished. */
  resolve(encoder: GPUCommandEncoder): void;
}

export class CommandQueue {
  readonly #device: GPUDevice;
  readonly #memory: DeviceMemory;
  readonly #ring: ParameterRing;
  readonly #groups: BindGroups;
  #timer: DispatchTimer | null = null;
  #recorded: Command[] = [];
  /** How many of them have been promised to run. */
  #promised = 0;
  #flops = 0;
  readonly #mostFlops: number;
  /** Number of the last command recorded. */
  #count = 0;
  /** Number of the last command handed to the device (or dropped, its submission having failed). */
  #submitted = 0;
  /** The submissions under way, one after the other. Never rejects. */
  #tail: Promise<void> = Promise.resolve();
  #waiting = 0;
  /** What failed, with the number of the last command of its submission, until the borders that wait for it know. */
  #failures: { readonly error: InAttentionError; readonly last: number }[] = [];
  /** Number of the last command that a border has answered for, and the borders under way. */
  #answered = 0;
  #borders = 0;
  #end: InAttentionError | null = null;
  /** Resolves when the device is lost. */
  readonly #lost: Promise<void>;
  /** Submissions made, for tests and profiles. */
  submissions = 0;
  /** Validation scopes whose result is not known yet. */
  readonly #scopes = new Set<Promise<void>>();

  /** `dispatch`: the operations of one dispatch at most. */
  constructor(device: GPUDevice, memory: DeviceMemory, dispatch: DispatchBounds) {
    this.#mostFlops = mostWork * dispatch.flops;
    this.#device = device;
    this.#memory = memory;
    this.#ring = new ParameterRing(memory);
    this.#groups = new BindGroups(device);
    this.#lost = device.lost.then(({ reason, message }) => {
      this.end(
        new BackendLostError({
          what: 'The WebGPU device was lost.',
          got: message === '' ? reason : `${reason}: ${message}`,
          fix: 'make a new backend and continue there: session.recover(backend)',
        }),
      );
    });
    memory.attach(this, (allocation) => this.#groups.drop(allocation));
  }

  get submitted(): number {
    return this.#submitted;
  }

  /** Times dispatches from now on; null: no longer. */
  set timer(timer: DispatchTimer | null) {
    this.#timer = timer;
  }

  /** Every later call fails with this: the device is lost, or the backend disposed of. */
  end(error: InAttentionError): void {
    this.#end ??= error;
    this.#recorded = [];
    this.#submitted = this.#count;
  }

  throwIfEnded(): void {
    if (this.#end !== null) throw this.#end;
  }

  /**
   * What to reject with where the device failed: that it was lost if that is why, be it told before or after, else the
   * failure by its type.
   */
  async explain(error: unknown): Promise<InAttentionError> {
    const typed = error instanceof InAttentionError;
    if (typed && !(error instanceof BackendFailedError)) return error;
    let timer: ReturnType<typeof setTimeout> | undefined;
    const waited = new Promise((resolve) => {
      timer = setTimeout(resolve, patience);
    });
    await Promise.race([this.#lost, waited]);
    clearTimeout(timer);
    return this.#end ?? (typed ? error : asFailure(error));
  }

  /** Gives back what is kept between submissions. */
  trim(): void {
    this.submit();
    this.#ring.trim();
  }

  record(command: Command): void {
    this.throwIfEnded();
    this.#count += 1;
    for (const allocation of allocationsOf(command)) allocation.lastUse = this.#count;
    this.#recorded.push(command);
    if (command.kind === 'dispatch') this.#flops += command.flops;
    if (this.#recorded.length >= mostCommands || this.#flops >= this.#mostFlops) this.submit();
  }

  /** Copies bytes into an allocation, in order with what was recorded. */
  upload(to: Allocation, toOffset: number, bytes: Uint8Array<ArrayBuffer>): void {
    this.throwIfEnded();
    const padded = bytes.byteLength % 4 === 0 ? bytes : padToWords(bytes);
    if (to.lastUse > this.#submitted) {
      this.record({ kind: 'upload', to, toOffset, bytes: padded === bytes ? bytes.slice() : padded });
    } else {
      this.#device.queue.writeBuffer(to.buffer, toOffset, padded, 0, padded.byteLength);
    }
  }

  /** Hands over what was recorded, now if its pipelines and buffers are there, else as soon as they are. */
  submit(): void {
    if (this.#recorded.length === 0) return;
    const commands = this.#recorded;
    const promised = this.#promised;
    const last = this.#count;
    this.#recorded = [];
    this.#promised = 0;
    this.#flops = 0;
    if (this.#able(commands)) {
      this.#finish(commands, last, null);
      return;
    }
    this.#waiting += 1;
    this.#tail = this.#tail.then(async () => {
      let error = await compiled(commands);
      await this.#memory.settle();
      error ??= this.#memory.takeFailure() ?? this.#memory.failureOf(commands.flatMap(allocationsOf));
      this.#waiting -= 1;
      this.#finish(error === null ? commands : commands.slice(0, promised), last, error);
    });
  }

  /** Whether commands can be handed over now. */
  #able(commands: readonly Command[]): boolean {
    return this.#waiting === 0 && this.#memory.sound && commands.every(isCompiled);
  }

  /**
   * Resolves when what was recorded is known to have its pipelines and memory: it stays recorded, and runs even if what
   * is recorded later with it cannot. Where that is not so, or something failed before, a border.
   */
  async settle(): Promise<void> {
    await compiled([...this.#recorded]);
    await this.#memory.settle();
    this.throwIfEnded();
    if (this.#failures.length > 0 || !this.#able(this.#recorded)) await this.flush();
    else this.#promised = this.#recorded.length;
  }

  /**
   * Resolves when what was recorded has been handed over; rejects when that failed, or something since the last border.
   * Borders under way at the same time all learn of a failure before them.
   */
  async flush(): Promise<void> {
    this.throwIfEnded();
    const from = this.#answered;
    const last = this.#count;
    this.#borders += 1;
    try {
      this.submit();
      await this.#tail;
      await this.#memory.settle();
      if (this.#scopes.size > 0) await Promise.all(this.#scopes);
    } finally {
      this.#borders -= 1;
    }
    this.throwIfEnded();
    this.#memory.age();
    const failure = this.#failures.find((one) => one.last > from && one.last <= last)?.error;
    this.#answered = Math.max(this.#answered, last);
    if (this.#borders === 0) this.#failures = this.#failures.filter((one) => one.last > this.#answered);
    const unused = this.#memory.takeFailure();
    if (failure !== undefined) throw await this.explain(failure);
    if (unused !== null) throw unused;
  }

  /** Resolves when the device has done what was recorded. */
  async finish(): Promise<void> {
    await this.flush();
    try {
      await this.#device.queue.onSubmittedWorkDone();
    } catch (error) {
      throw await this.explain(error);
    }
    this.throwIfEnded();
  }

  /** Encodes and submits; `error` is why others recorded with them are dropped. */
  #finish(commands: readonly Command[], last: number, error: InAttentionError | null): void {
    let failure = error;
    if (this.#end === null && commands.length > 0) {
      try {
        this.#encode(commands, last);
      } catch (thrown) {
        failure ??= asFailure(thrown);
        this.#ring.clear();
      }
    }
    this.#submitted = last;
    if (failure !== null) this.#failures.push({ error: failure, last });
    this.#memory.sweep();
  }

  #encode(commands: readonly Command[], last: number): void {
    const ring = this.#ring;
    const offsets = commands.map((command) => {
      if (command.kind === 'copy') return [];
      if (command.kind === 'upload') return [ring.place(command.bytes)];
      return [ring.place(command.params), ...command.inline.map((words) => ring.place(words, inlineSpan(words)))];
    });
    const parameters = ring.buffer();
    const { queue } = this.#device;
    this.#device.pushErrorScope('validation');
    const encoder = this.#device.createCommandEncoder();
    let pass: GPUComputePassEncoder | null = null;
    const endPass = () => {
      pass?.end();
      pass = null;
    };
    let pipeline: GPUComputePipeline | null = null;
    commands.forEach((command, place) => {
      const at = offsets[place] as number[];
      if (command.kind !== 'dispatch') {
        endPass();
        if (command.kind === 'copy') {
          const { from, fromOffset, to, toOffset, size } = command;
          encoder.copyBufferToBuffer(from.buffer, fromOffset, to.buffer, toOffset, size);
        } else {
          const { to, toOffset, bytes } = command;
          encoder.copyBufferToBuffer(parameters.buffer, at[0] as number, to.buffer, toOffset, bytes.byteLength);
        }
        return;
      }
      const timestampWrites = this.#timer?.begin(command);
      if (timestampWrites !== undefined) endPass();
      if (pass === null) {
        pass = encoder.beginComputePass(timestampWrites === undefined ? undefined : { timestampWrites });
        pipeline = null;
      }
      if (pipeline !== command.pipeline.pipeline) {
        pipeline = command.pipeline.pipeline as GPUComputePipeline;
        pass.setPipeline(pipeline);
      }
      pass.setBindGroup(0, this.#groups.get(command.pipeline.layout, rangesOf(command, parameters)), at);
      pass.dispatchWorkgroups(...command.workgroups);
      if (timestampWrites !== undefined) endPass();
    });
    endPass();
    this.#timer?.resolve(encoder);
    ring.write(queue);
    queue.submit([encoder.finish()]);
    this.submissions += 1;
    this.#watch(this.#device.popErrorScope(), last);
  }

  #watch(scope: Promise<GPUError | null>, last: number): void {
    const done = scope.then(
      (error) => {
        this.#scopes.delete(done);
        if (error !== null) this.#failures.push({ error: asFailure(error), last });
      },
      () => {
        this.#scopes.delete(done); // the device is lost, which is told elsewhere
      },
    );
    this.#scopes.add(done);
  }
}

function isCompiled(command: Command): boolean {
  return command.kind !== 'dispatch' || command.pipeline.pipeline !== null;
}

/** Waits for the pipelines of commands; what one of them failed with, or null. */
async function compiled(commands: readonly Command[]): Promise<InAttentionError | null> {
  let error: InAttentionError | null = null;
  for (const command of commands) {
    if (command.kind === 'dispatch' && command.pipeline.pipeline === null) error ??= await command.pipeline.ready;
  }
  return error;
}

/** The ranges of a dispatch's bind group: its params, then its slots. */
function rangesOf(command: DispatchCommand, parameters: Allocation): BoundRange[] {
  let inline = 0;
  const ranges: BoundRange[] = [{ allocation: parameters, offset: 0, size: command.params.byteLength }];
  for (const slot of command.slots) {
    if (slot !== null) {
      ranges.push(slot);
    } else {
      ranges.push({ allocation: parameters, offset: 0, size: inlineSpan(command.inline[inline] as Uint32Array) });
      inline += 1;
    }
  }
  return ranges;
}

/** Bytes bound for inline words: a power of two, so that bind groups can be used again. */
function inlineSpan(words: Uint32Array): number {
  return Math.max(256, 2 ** Math.ceil(Math.log2(words.byteLength)));
}

function padToWords(bytes: Uint8Array): Uint8Array<ArrayBuffer> {
  const padded = new Uint8Array(Math.ceil(bytes.byteLength / 4) * 4);
  padded.set(bytes);
  return padded;
}

function asFailure(error: unknown): InAttentionError {
  const hasMessage = typeof error === 'object' && error !== null && 'message' in error;
  return new BackendFailedError({
    what: 'The WebGPU device refused its commands.',
    got: hasMessage ? String(error.message) : String(error),
    fix: 'report it with the name of the device and browser (inattention doctor prints them)',
    cause: error,
  });
}
