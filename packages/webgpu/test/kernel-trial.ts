/**
 * Runs operations of kernels/ directly in tests, with traits of the test's choice: both variants of a kernel, and
 * bindings shorter than the device's. Arrays can be placed at any offset; results start as NaN, so what is not written
 * shows, and words around each array are checked when it is read.
 */

import { DisposedError, Ledger, sizeOf, type TensorView } from '@inattention/core';
import { type DispatchBounds, dispatchBounds } from '../src/device/dispatch-bounds.ts';
import { CommandQueue } from '../src/execution/command-queue.ts';
import { KernelRunner } from '../src/execution/kernel-runner.ts';
import { Pipelines } from '../src/execution/pipelines.ts';
import { mapModeRead, readbackUsage } from '../src/memory/buffer-usage.ts';
import { DeviceMemory } from '../src/memory/device-memory.ts';

const guard = 0x7fe1_7fe1;
const trailingWords = 64;

export interface KernelTrialOptions {
  /** DeviceTraits.software. */
  readonly software: boolean;
  readonly maxBindingBytes?: number;
  /** Words before each array. */
  readonly leadingWords?: number;
  /** DeviceTraits.largestSubgroup; by default 0, whatever the device has. */
  readonly largestSubgroup?: number;
  /** Work of a dispatch. Default: a software adapter's. */
  readonly dispatch?: DispatchBounds;
}

export class KernelTrial {
  readonly runner: KernelRunner;
  readonly ledger = new Ledger();
  readonly #memory: DeviceMemory;
  readonly #queue: CommandQueue;
  readonly #leadingWords: number;

  constructor(device: GPUDevice, options: KernelTrialOptions) {
    const { limits } = device;
    const { software, maxBindingBytes = limits.maxStorageBufferBindingSize, leadingWords = 0 } = options;
    const { dispatch = dispatchBounds(true), largestSubgroup = 0 } = options;
    this.#leadingWords = leadingWords;
    const maxBufferBytes = limits.maxBufferSize;
    this.#memory = new DeviceMemory(device, this.ledger, {
      maxBufferBytes,
      maxBindingBytes,
      maxTotalBytes: Number.POSITIVE_INFINITY,
    });
    this.#queue = new CommandQueue(device, this.#memory, dispatch);
    this.runner = new KernelRunner(this.#memory, this.#queue, new Pipelines(device), {
      software,
      dispatch,
      largestSubgroup,
      maxBindingBytes,
      maxWorkgroupBytes: limits.maxComputeWorkgroupStorageSize,
      maxInvocations: limits.maxComputeInvocationsPerWorkgroup,
    });
  }

  /** f32 numbers; without `data`, all NaN. */
  floats(shape: readonly number[], data?: ArrayLike<number>): TensorView {
    const words = new Uint32Array(Float32Array.from(data ?? []).buffer);
    return this.#place('f32', shape, data === undefined ? new Uint32Array(sizeOf(shape)).fill(guard) : words);
  }

  integers(shape: readonly number[], data: ArrayLike<number>): TensorView {
    return this.#place('i32', shape, new Uint32Array(Int32Array.from(data).buffer));
  }

  /** An f32 array's numbers. Throws when a word around it was written. */
  async read({ buffer, byteOffset, shape }: TensorView): Promise<Float32Array> {
    const { allocation } = this.runner.locate({ buffer, byteOffset, shape, dtype: 'f32' });
    const size = byteOffset + (sizeOf(shape) + trailingWords) * 4;
    const staging = this.#memory.create(size, readbackUsage);
    this.#queue.record({ kind: 'copy', from: allocation, fromOffset: 0, to: staging, toOffset: 0, size });
    await this.#queue.flush();
    await staging.buffer.mapAsync(mapModeRead, 0, size);
    const words = new Uint32Array(staging.buffer.getMappedRange(0, size).slice(0));
    this.#memory.destroy(staging);
    const first = byteOffset / 4;
    const outside = words.findIndex((word, i) => word !== guard && (i < first || i >= first + sizeOf(shape)));
    if (outside !== -1) throw new RangeError(`a kernel wrote ${outside - first} words from the start of its result`);
    return new Float32Array(words.buffer, byteOffset, sizeOf(shape));
  }

  /** Waits until what was recorded is done, and gives all memory back. */
  async dispose(): Promise<void> {
    await this.#queue.finish();
    this.#memory.dispose();
  }

  /** Gives all memory back; what was recorded is not done. */
  abandon(): void {
    this.#queue.end(new DisposedError({ what: 'A trial was used after it was abandoned.' }));
    this.#memory.dispose();
  }

  #place(dtype: 'f32' | 'i32', shape: readonly number[], data: Uint32Array): TensorView {
    const words = new Uint32Array(this.#leadingWords + sizeOf(shape) + trailingWords).fill(guard);
    words.set(data, this.#leadingWords);
    const buffer = this.#memory.allocate(words.byteLength, 'scratch');
    const view: TensorView = { buffer, byteOffset: this.#leadingWords * 4, dtype, shape };
    const { allocation } = this.runner.locate(view);
    this.#queue.upload(allocation, 0, new Uint8Array(words.buffer));
    return view;
  }
}

/** The settings of trialsOf, and subgroups where the device has them: for kernels that reduce rows. */
export function reducingTrialsOf(device: GPUDevice): { readonly name: string; create(): KernelTrial }[] {
  const largestSubgroup = device.features.has('subgroups') ? device.adapterInfo.subgroupMaxSize : undefined;
  if (largestSubgroup === undefined) return trialsOf(device);
  const create = () => new KernelTrial(device, { software: false, largestSubgroup });
  return [...trialsOf(device), { name: 'workgroups of subgroups', create }];
}

/** The settings under which each operation is tested. */
export function trialsOf(device: GPUDevice): { readonly name: string; create(): KernelTrial }[] {
  const settings: readonly (readonly [string, KernelTrialOptions])[] = [
    ['workgroups', { software: false }],
    ['workgroups, at an offset', { software: false, leadingWords: 5 }],
    ['workgroups, short bindings', { software: false, maxBindingBytes: 65536 }],
    ['barrier-free', { software: true }],
    ['barrier-free, at an offset', { software: true, leadingWords: 5 }],
    ['barrier-free, short bindings', { software: true, maxBindingBytes: 65536 }],
  ];
  return settings.map(([name, options]) => ({ name, create: () => new KernelTrial(device, options) }));
}
