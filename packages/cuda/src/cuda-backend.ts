/**
 * The CUDA backend: TensorFlow's kernels through the native binding of tfjs-node-gpu. Calls are eager: on a GPU they
 * enqueue, and `read` waits. On a machine without one the same binding runs on the CPU, which `info` says.
 */

import { totalmem } from 'node:os';
import {
  type Backend,
  BackendUnavailableError,
  InvalidArgumentError,
  Ledger,
  OutOfMemoryError,
} from '@inattention/core';
import { Runtime } from './execution/runtime.ts';
import { TensorOperations } from './execution/tensor-operations.ts';
import { makeKernels } from './kernels/kernels.ts';
import { DeviceMemory } from './memory/device-memory.ts';
import { loadBinding, type TensorFlowNamespace } from './native/load-binding.ts';
import { hasNvidiaDevice, nvidiaDriver } from './setup/nvidia.ts';

export interface CudaBackendOptions {
  /**
   * The namespace of @tensorflow/tfjs-node-gpu or @tensorflow/tfjs-node. Default: the installed tfjs-node-gpu, else what
   * inattention-cuda-setup built, else the installed tfjs-node.
   */
  readonly tf?: TensorFlowNamespace;
  /** Refuses to run on anything but an NVIDIA GPU. Default false. */
  readonly requireGpu?: boolean;
  /**
   * Lets products of f32 be rounded to TF32 (10 bits of mantissa) on Ampere and newer: faster, and outside the tolerances
   * of f32. Settled by the first backend of a process. Default false.
   */
  readonly tf32?: boolean;
  /** Bytes the backend may hold in all. Default: the memory of the machine on a CPU, what the device gives on a GPU. */
  readonly maxBytes?: number;
}

/** Counts since the backend was made. */
export interface CudaStatistics {
  /** Operations of TensorFlow called. */
  readonly operations: number;
  /** Tensors of TensorFlow that this backend holds now. */
  readonly tensors: number;
}

/** The backend with what only it has. */
export interface CudaBackend extends Backend {
  statistics(): CudaStatistics;
}

/** The longest tensor: TensorFlow counts elements of a kernel in 32 bits. */
const maxBufferBytes = 2 ** 31 * 4 - 64;

/** Makes a CUDA backend. Throws BackendUnavailableError saying what is missing and the command that helps. */
export async function createCudaBackend(options: CudaBackendOptions = {}): Promise<CudaBackend> {
  const { tf, requireGpu = false, tf32 = false } = options;
  if (!((options.maxBytes ?? 1) > 0)) {
    throw new InvalidArgumentError({ what: 'maxBytes is not a number of bytes.', got: String(options.maxBytes) });
  }
  if (requireGpu && tf === undefined && !hasNvidiaDevice()) {
    throw new BackendUnavailableError({
      what: 'There is no NVIDIA GPU here.',
      got: 'no device of an NVIDIA driver',
      fix: 'install the driver of your NVIDIA GPU, or use another backend',
    });
  }
  const { binding, source, library } = loadBinding({ ...(tf !== undefined && { tf }), tf32 });
  const gpu = binding.isUsingGpuDevice();
  if (requireGpu && !gpu) {
    throw new BackendUnavailableError({
      what: 'TensorFlow finds no GPU: it would run on the CPU.',
      got: `TensorFlow ${binding.TF_Version}, ${library}`,
      expected: 'an NVIDIA GPU, its driver, and a libtensorflow built for CUDA',
      fix: 'see `inattention doctor`, or use the CPU backend, which is made for that',
    });
  }
  // What holds is what CUDA was told when it started: by `tf32`, by the environment, or, with a tf handed in, by neither.
  const rounds = gpu && process.env.NVIDIA_TF32_OVERRIDE !== '0';
  const driver = gpu ? await nvidiaDriver() : null;
  const maxTotalBytes = options.maxBytes ?? (gpu ? Number.POSITIVE_INFINITY : totalmem());
  const ledger = new Ledger();
  const runtime = new Runtime(binding, ledger);
  const limits = { maxBufferBytes: Math.min(maxBufferBytes, maxTotalBytes), maxTotalBytes };
  const memory = new DeviceMemory(new TensorOperations(runtime), ledger, limits);
  const kernels = makeKernels(memory, { tf32: rounds });
  const range = (buffer: Parameters<Backend['free']>[0], byteOffset: number, byteLength: number) => {
    const own = memory.buffer(buffer);
    if (byteOffset >= 0 && byteOffset % 4 === 0 && byteOffset + byteLength <= own.byteLength) return own;
    throw new InvalidArgumentError({
      what: 'A transfer reaches beyond its buffer, or does not start on a multiple of 4 bytes.',
      got: `bytes ${byteOffset} … ${byteOffset + byteLength}`,
      expected: `within 0 … ${own.byteLength}`,
    });
  };
  const dispose = (): void => {
    if (memory.disposed) return;
    kernels.trim();
    memory.dispose();
  };
  return {
    specificationVersion: 'v1',
    name: rounds ? 'cuda-tf32' : 'cuda', // tolerances go by the name
    info: {
      device: deviceName(gpu, driver?.gpus.at(-1), binding.TF_Version),
      details: {
        gpu,
        tensorflow: binding.TF_Version,
        binding: source,
        library,
        tf32: rounds,
        ...(driver !== null && { driver: driver.version }),
      },
    },
    capabilities: { weightDTypes: ['f32', 'f16', 'i8'], contextDTypes: ['f32', 'f16'], ...limits },
    ledger,
    primitives: kernels.primitives,
    fused: kernels.fused,
    allocate: (byteLength, purpose) => memory.allocate(byteLength, purpose),
    free: (buffer) => memory.free(buffer),
    write(buffer, byteOffset, data) {
      const own = range(buffer, byteOffset, data.byteLength);
      if (data.byteLength > 0) runtime.scope(() => memory.upload(own, byteOffset, data));
    },
    async read(buffer, byteOffset, byteLength) {
      const own = range(buffer, byteOffset, byteLength);
      return runtime.scope(() => memory.download(own, byteOffset, byteLength));
    },
    async reserve(bytes) {
      memory.expectAlive();
      probe(runtime, memory, bytes);
    },
    async sync() {
      memory.expectAlive();
    },
    trim() {
      memory.expectAlive();
      kernels.trim();
      memory.trim();
    },
    statistics: () => ({ operations: runtime.operations, tensors: runtime.tensors }),
    dispose,
    [Symbol.dispose]: dispose,
  };
}

function deviceName(gpu: boolean, name: string | undefined, version: string): string {
  return gpu ? `${name ?? 'NVIDIA GPU'} (TensorFlow ${version}, CUDA)` : `TensorFlow ${version} on the CPU`;
}

/** Bytes of one probe. */
const probeBytes = 2 ** 30;

/** Takes memory and gives it back: whether the device has it is not to be asked otherwise. */
function probe(runtime: Runtime, memory: DeviceMemory, bytes: number): void {
  const room = memory.limits.maxTotalBytes - memory.heldBytes;
  if (bytes > room) {
    throw new OutOfMemoryError({
      what: 'The CUDA backend may not take that much memory.',
      got: `${bytes} bytes`,
      expected: `at most ${room}`,
      fix: 'use a smaller context, another context mode, or a larger maxBytes',
      requestedBytes: bytes,
      availableBytes: room,
    });
  }
  if (!runtime.onGpu) return; // memory of the host is there when it is written to
  runtime.scope(() => {
    for (let left = bytes; left > 0; left -= probeBytes) {
      const words = Math.ceil(Math.min(left, probeBytes) / 4);
      runtime.run('Empty', [runtime.integers([words])], { dtype: 'float', init: false });
    }
  });
}
