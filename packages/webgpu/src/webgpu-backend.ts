/**
 * The WebGPU backend: WGSL kernels on a GPU, in browsers and in Node. Calls record commands; `read` and `sync` hand them
 * to the device and are where failures surface.
 */

import { type Backend, BackendUnavailableError, DisposedError, InvalidArgumentError, Ledger } from '@inattention/core';
import { dispatchBounds, type WorkRate } from './device/dispatch-bounds.ts';
import { type LimitName, openDevice } from './device/open-device.ts';
import { CommandQueue } from './execution/command-queue.ts';
import { type DeviceTraits, deviceBufferOf, KernelRunner } from './execution/kernel-runner.ts';
import { type CompileProgress, Pipelines } from './execution/pipelines.ts';
import { mapModeRead, readbackUsage } from './memory/buffer-usage.ts';
import type { Allocation, DeviceBuffer } from './memory/device-buffer.ts';
import { DeviceMemory } from './memory/device-memory.ts';
import type { Profile } from './profile/profile.ts';

export interface WebGpuBackendOptions {
  /** A device of the caller's: used as it is, and neither destroyed nor reconfigured. */
  readonly device?: GPUDevice;
  /** An adapter of the caller's. Default: the browser's, or in Node that of the package `webgpu`. */
  readonly adapter?: GPUAdapter;
  /** Which GPU of several. */
  readonly powerPreference?: GPUPowerPreference;
  /** Limits to ask the adapter for. Default: all that it can give; 'default': those every WebGPU device has. */
  readonly limits?: Partial<Record<LimitName, number>> | 'default';
  /** Refuses software adapters, which play GPU on a CPU and are slower than the CPU backend. Default false. */
  readonly requireGpu?: boolean;
  /**
   * Which kernels run: those for graphics cards (tiles in workgroup memory) or those for software adapters (registers, no
   * barriers). Both are right everywhere. Default `auto`: by the adapter.
   */
  readonly kernels?: 'auto' | 'gpu' | 'software';
  /** Bytes the backend may hold in all. Default: what the device gives. */
  readonly maxBytes?: number;
  /** Largest storage binding to use, bytes; at most (and by default) the device's. Longer tensors are worked on in parts. */
  readonly maxBindingBytes?: number;
  /**
   * What the device does in a second at least: no dispatch is given more, for systems reset a card that is busy for 2 s.
   * Default: 1e9 operations and 1e8 bytes for a software adapter, 1.6e10 and 3e9 for a graphics card.
   */
  readonly slowestRate?: Partial<WorkRate>;
  /** Told when a kernel is about to be compiled and when it is done. */
  readonly onCompile?: CompileProgress;
}

/** The backend with what only WebGPU has. */
export interface WebGpuBackend extends Backend {
  readonly device: GPUDevice;
  /**
   * Runs `work` and tells what its kernels took: times where the device has timestamps, operations and bytes in any case.
   * Timing makes the work itself slower. One profile at a time; work of others that runs meanwhile is in it.
   */
  profile<T>(work: () => Promise<T>): Promise<{ readonly result: T; readonly profile: Profile }>;
}

/** Makes a WebGPU backend. Throws BackendUnavailableError saying what is missing. */
export async function createWebGpuBackend(options: WebGpuBackendOptions = {}): Promise<WebGpuBackend> {
  const { maxBytes = Number.POSITIVE_INFINITY, kernels = 'auto' } = options;
  if (!(maxBytes > 0)) {
    throw new InvalidArgumentError({ what: 'maxBytes is not a number of bytes.', got: String(maxBytes) });
  }
  const { maxBindingBytes: longest = Number.POSITIVE_INFINITY } = options;
  if (!(longest >= 65536)) {
    throw new InvalidArgumentError({
      what: 'maxBindingBytes is not a size to work with.',
      got: String(longest),
      expected: 'at least 65536',
    });
  }
  dispatchBounds(true, options.slowestRate); // throws for what is no rate
  const loading = loadKernels();
  const { device, adapterInfo, owned } = await openDevice(options);
  const loaded = await loading;
  if (loaded instanceof BackendUnavailableError) {
    if (owned) device.destroy();
    throw loaded;
  }
  const { limits, features } = device;
  const software = adapterInfo?.architecture === 'swiftshader' || adapterInfo?.isFallbackAdapter === true;
  if (software && options.requireGpu === true) {
    if (owned) device.destroy();
    throw new BackendUnavailableError({
      what: 'WebGPU has only a software adapter here.',
      got: describe(adapterInfo),
      expected: 'a graphics card',
      fix: 'use the CPU backend, which is faster than that, or install the driver of your graphics card',
    });
  }
  const dispatch = dispatchBounds(software, options.slowestRate);
  const maxBindingBytes = Math.min(longest, limits.maxStorageBufferBindingSize);
  const ledger = new Ledger();
  const memory = new DeviceMemory(device, ledger, {
    maxBufferBytes: limits.maxBufferSize,
    maxBindingBytes,
    maxTotalBytes: maxBytes,
  });
  const queue = new CommandQueue(device, memory, dispatch);
  const traits: DeviceTraits = {
    dispatch,
    software: kernels === 'auto' ? software : kernels === 'software',
    maxBindingBytes,
    maxWorkgroupBytes: limits.maxComputeWorkgroupStorageSize,
    maxInvocations: limits.maxComputeInvocationsPerWorkgroup,
    largestSubgroup: features.has('subgroups') ? (adapterInfo?.subgroupMaxSize ?? 0) : 0,
  };
  const runner = new KernelRunner(memory, queue, new Pipelines(device, options.onCompile), traits);
  const readback = new Readback(memory, queue);
  let disposed = false;
  const dispose = (): void => {
    if (disposed) return;
    disposed = true;
    queue.end(new DisposedError({ what: 'The WebGPU backend was used after it was disposed of.' }));
    memory.dispose();
    if (owned) device.destroy();
  };
  const range = (buffer: unknown, byteOffset: number, byteLength: number): DeviceBuffer => {
    queue.throwIfEnded();
    const own = deviceBufferOf(memory, buffer);
    if (byteOffset < 0 || byteOffset + byteLength > own.byteLength) {
      throw new InvalidArgumentError({
        what: 'A transfer reaches beyond its buffer.',
        got: `bytes ${byteOffset} … ${byteOffset + byteLength}`,
        expected: `within 0 … ${own.byteLength}`,
      });
    }
    return own;
  };
  return {
    specificationVersion: 'v1',
    name: 'webgpu',
    info: {
      device: describe(adapterInfo),
      details: {
        ...(adapterInfo !== null && {
          vendor: adapterInfo.vendor,
          architecture: adapterInfo.architecture,
          software,
        }),
        features: [...features].filter((name) => name !== 'core-features-and-limits').join(' '),
        maxBufferBytes: limits.maxBufferSize,
        maxBindingBytes,
        storageBindings: limits.maxStorageBuffersPerShaderStage,
      },
    },
    capabilities: {
      weightDTypes: ['f32', 'f16', 'i8'],
      contextDTypes: ['f32', 'f16'],
      maxBufferBytes: limits.maxBufferSize,
      maxTotalBytes: maxBytes,
    },
    ledger,
    ...loaded.operationsOf(runner),
    allocate(byteLength, purpose) {
      queue.throwIfEnded();
      return memory.allocate(byteLength, purpose);
    },
    free(buffer) {
      if (!disposed) memory.free(deviceBufferOf(memory, buffer));
    },
    write(buffer, byteOffset, data) {
      const { allocation, offset } = range(buffer, byteOffset, data.byteLength);
      const bytes = bytesOf(data);
      if (bytes.byteLength > 0) queue.upload(allocation, offset + byteOffset, bytes);
    },
    async read(buffer, byteOffset, byteLength) {
      const { allocation, offset } = range(buffer, byteOffset, byteLength);
      return readback.read(allocation, offset + byteOffset, byteLength);
    },
    async reserve(bytes) {
      queue.throwIfEnded();
      await memory.reserve(bytes);
      queue.throwIfEnded();
    },
    async sync() {
      queue.throwIfEnded();
      await queue.finish();
    },
    settle: () => queue.settle(),
    device,
    async profile(work) {
      const { Profiler } = await import('./profile/profiler.ts');
      await queue.flush();
      const before = queue.submissions;
      const profiler = new Profiler(device, memory);
      queue.timer = profiler;
      try {
        const result = await work();
        await queue.finish();
        return { result, profile: await profiler.collect(queue.submissions - before) };
      } finally {
        queue.timer = null;
        profiler.dispose();
      }
    },
    trim() {
      queue.throwIfEnded();
      readback.trim();
      queue.trim();
      memory.trim();
    },
    dispose,
    [Symbol.dispose]: dispose,
  };
}

/** The operations, which a page downloads while the device is opened; why not, where they cannot be. */
async function loadKernels(): Promise<typeof import('./kernels/operations.ts') | BackendUnavailableError> {
  try {
    return await import('./kernels/operations.ts');
  } catch (error) {
    return new BackendUnavailableError({
      what: 'The kernels of the WebGPU backend could not be loaded.',
      got: error instanceof Error ? error.message : String(error),
      fix: 'serve every file that the bundler wrote, not the first alone',
      cause: error,
    });
  }
}

/** Copies device memory to the host. Its buffers are kept for the next read of about that size. */
class Readback {
  readonly #memory: DeviceMemory;
  readonly #queue: CommandQueue;
  #idle: Allocation | null = null;

  constructor(memory: DeviceMemory, queue: CommandQueue) {
    this.#memory = memory;
    this.#queue = queue;
  }

  async read(from: Allocation, start: number, byteLength: number): Promise<ArrayBuffer> {
    const first = Math.floor(start / 4) * 4;
    const size = Math.ceil((start + byteLength - first) / 4) * 4;
    if (size === 0) {
      await this.#queue.flush();
      return new ArrayBuffer(0);
    }
    const staging = this.#take(size);
    try {
      this.#queue.record({ kind: 'copy', from, fromOffset: first, to: staging, toOffset: 0, size });
      await this.#queue.flush();
      await staging.buffer.mapAsync(mapModeRead, 0, size);
      const bytes = staging.buffer.getMappedRange(0, size).slice(start - first, start - first + byteLength);
      staging.buffer.unmap();
      this.#give(staging);
      return bytes;
    } catch (error) {
      this.#memory.destroy(staging);
      throw await this.#queue.explain(error);
    }
  }

  /** Gives back the buffer kept for the next read. */
  trim(): void {
    if (this.#idle !== null) this.#memory.destroy(this.#idle);
    this.#idle = null;
  }

  #take(size: number): Allocation {
    const idle = this.#idle;
    if (idle !== null && idle.size >= size) {
      this.#idle = null;
      return idle;
    }
    return this.#memory.create(Math.max(256, 2 ** Math.ceil(Math.log2(size))), readbackUsage);
  }

  #give(staging: Allocation): void {
    this.trim();
    this.#idle = staging;
  }
}

/** The bytes of a view; copied when they are shared between threads, which a queue cannot take everywhere. */
function bytesOf({ buffer, byteOffset, byteLength }: ArrayBufferView): Uint8Array<ArrayBuffer> {
  if (buffer instanceof ArrayBuffer) return new Uint8Array(buffer, byteOffset, byteLength);
  return Uint8Array.from(new Uint8Array(buffer, byteOffset, byteLength));
}

function describe(info: GPUAdapterInfo | null): string {
  if (info === null) return 'a GPU';
  const named = [info.description, info.device, `${info.vendor} ${info.architecture}`.trim()].find(
    (text) => text !== '',
  );
  return named ?? 'a GPU';
}
