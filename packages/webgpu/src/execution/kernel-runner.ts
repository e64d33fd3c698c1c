/**
 * What kernels are run through: binds views, encodes parameters, records the dispatch. It owns the rules that every
 * kernel would otherwise have to know: offsets and windows of bindings, a buffer that is read and written in one
 * dispatch, scratch, the limits on workgroups.
 */

import { bytesPerElement, DisposedError, InvalidArgumentError, sizeOf, type TensorView } from '@inattention/core';
import type { DispatchBounds } from '../device/dispatch-bounds.ts';
import { type Allocation, DeviceBuffer } from '../memory/device-buffer.ts';
import type { DeviceMemory } from '../memory/device-memory.ts';
import { bindingAlignment } from '../memory/slabs.ts';
import type { CommandQueue } from './command-queue.ts';
import type { BoundRange, Traffic } from './commands.ts';
import { type BindingDefinition, bytesOfElement, type Kernel, kernelSource } from './kernel.ts';
import type { Pipelines, SlotKind } from './pipelines.ts';

/** Workgroups along one dimension of a dispatch, on every device. */
const mostWorkgroups = 65535;

/** Facts by which kernels choose their shapes. Never a name of a vendor. */
export interface DeviceTraits {
  /** A CPU that plays GPU: barriers and workgroup memory are slow, registers and caches are not. */
  readonly software: boolean;
  /** Largest storage binding, bytes. */
  readonly maxBindingBytes: number;
  readonly maxWorkgroupBytes: number;
  readonly maxInvocations: number;
  /** Invocations of the largest subgroups, 0 where subgroups cannot be used. */
  readonly largestSubgroup: number;
  /** Work of one dispatch at most. */
  readonly dispatch: DispatchBounds;
}

/** What one dispatch works on. */
export interface DispatchArguments<P extends string, B extends string> {
  /** A view for each binding, or the words of an inline one. */
  readonly bindings: Readonly<Record<B, TensorView | Uint32Array>>;
  readonly params: Readonly<Record<P, number>>;
  readonly workgroups: readonly [x: number, y?: number, z?: number];
  /** Floating-point operations, for the profile and for bounding submissions. */
  readonly flops?: number;
  /** Bytes it must read and write at least. Default: those of its views. */
  readonly bytes?: number;
  /** What it loads and stores, where that is counted: what is loaded twice counts twice. */
  readonly traffic?: Traffic;
}

/** Where a view lies. */
export interface Located {
  readonly allocation: Allocation;
  /** First byte within the allocation. */
  readonly start: number;
  readonly byteLength: number;
}

export class KernelRunner {
  readonly traits: DeviceTraits;
  readonly #memory: DeviceMemory;
  readonly #queue: CommandQueue;
  readonly #pipelines: Pipelines;

  constructor(memory: DeviceMemory, queue: CommandQueue, pipelines: Pipelines, traits: DeviceTraits) {
    this.#memory = memory;
    this.#queue = queue;
    this.#pipelines = pipelines;
    this.traits = traits;
  }

  /** Records a dispatch of `kernel`. */
  run<P extends string, B extends string>(kernel: Kernel<P, B>, args: DispatchArguments<P, B>): void {
    const [x, y = 1, z = 1] = args.workgroups;
    if (x === 0 || y === 0 || z === 0) return;
    if (Math.max(x, y, z) > mostWorkgroups) {
      throw new InvalidArgumentError({ what: `${kernel.key}: too many workgroups.`, got: args.workgroups.join(' × ') });
    }
    const { bindings } = kernel.definition;
    const temporary: DeviceBuffer[] = [];
    const aliases = new Map<string, string>();
    const written = this.#written(kernel, args.bindings, aliases);
    const slots: (BoundRange | null)[] = [];
    const kinds: SlotKind[] = ['params'];
    const inline: Uint32Array[] = [];
    const offsets = new Map<string, number>();
    let bytes = 0;
    for (const name of kernel.bindingNames) {
      const definition = bindings[name] as BindingDefinition;
      const value = args.bindings[name];
      if (value instanceof Uint32Array) {
        inline.push(value);
        slots.push(null);
        kinds.push('inline');
        continue;
      }
      let located = this.locate(value);
      bytes += located.byteLength;
      if (definition.access === 'uniform') {
        located = this.#asUniform(located, definition, temporary, written.has(located.allocation));
        slots.push({ ...located, offset: located.start, size: uniformBytes(definition) });
        kinds.push('uniform');
        continue;
      }
      if (definition.access === 'read' && written.has(located.allocation)) {
        const through = written.get(located.allocation) as B;
        if (this.#sharesBinding(definition, bindings[through] as BindingDefinition, located.allocation)) {
          aliases.set(name, through);
        } else {
          located = this.#copyOf(located, temporary);
        }
      }
      const range = this.#range(located, kernel.key);
      offsets.set(name, (located.start - range.offset) / bytesOfElement(definition.element));
      if (aliases.has(name)) continue;
      slots.push(range);
      kinds.push(definition.access === 'write' ? 'write' : 'read');
    }
    const alias = [...aliases].map((pair) => pair.join('=')).join();
    const key = alias === '' ? kernel.key : `${kernel.key}?${alias}`;
    const pipeline = this.#pipelines.get(key, kernel.definition.name, kinds, () => kernelSource(kernel, aliases));
    const params = encodeParams(kernel, args.params, offsets);
    this.#queue.record({
      kind: 'dispatch',
      pipeline,
      slots,
      params,
      inline,
      workgroups: [x, y, z],
      flops: args.flops ?? 0,
      bytes: args.bytes ?? bytes,
      traffic: args.traffic ?? null,
    });
    for (const buffer of temporary) this.#memory.free(buffer);
  }

  /** Copies `byteLength` bytes (a multiple of 4) between different GPUBuffers; false when they are one. */
  copy(from: TensorView, fromByte: number, to: TensorView, toByte: number, byteLength: number): boolean {
    const source = this.locate(from);
    const target = this.locate(to);
    if (source.allocation === target.allocation) return false;
    this.#queue.record({
      kind: 'copy',
      from: source.allocation,
      fromOffset: source.start + fromByte,
      to: target.allocation,
      toOffset: target.start + toByte,
      size: byteLength,
    });
    return true;
  }

  /** Runs `work` with an f32 scratch tensor, given back afterwards. */
  withScratch<T>(shape: readonly number[], work: (scratch: TensorView) => T): T {
    const buffer = this.#memory.allocate(Math.max(4, sizeOf(shape) * 4), 'scratch');
    try {
      return work({ buffer, byteOffset: 0, dtype: 'f32', shape });
    } finally {
      this.#memory.free(buffer);
    }
  }

  /** Whether a view fits one binding, wherever in its buffer it begins. */
  fits(view: TensorView): boolean {
    const { allocation, byteLength } = this.locate(view);
    const { maxBindingBytes } = this.traits;
    return allocation.size <= maxBindingBytes || byteLength <= maxBindingBytes - bindingAlignment;
  }

  /** Where a view lies: views of one allocation can share a binding. Throws for foreign buffers and freed ones. */
  locate(view: TensorView): Located {
    this.#queue.throwIfEnded();
    const buffer = deviceBufferOf(this.#memory, view.buffer);
    return {
      allocation: buffer.allocation,
      start: buffer.offset + view.byteOffset,
      byteLength: sizeOf(view.shape) * bytesPerElement[view.dtype],
    };
  }

  /** Whether a view begins at a multiple of `bytes` (16 for vectors of four f32). */
  aligned(view: TensorView, bytes = 16): boolean {
    return this.locate(view).start % bytes === 0;
  }

  /** The allocations that are written, with the binding that does; a second one is read and written through the first. */
  #written<P extends string, B extends string>(
    kernel: Kernel<P, B>,
    values: Readonly<Record<B, TensorView | Uint32Array>>,
    aliases: Map<string, string>,
  ): Map<Allocation, B> {
    const written = new Map<Allocation, B>();
    for (const name of kernel.viewNames) {
      const definition = kernel.definition.bindings[name];
      const value = values[name];
      if (definition.access !== 'write' || value instanceof Uint32Array) continue;
      const { allocation } = this.locate(value);
      const first = written.get(allocation);
      if (first === undefined) {
        written.set(allocation, name);
      } else if (this.#sharesBinding(definition, kernel.definition.bindings[first], allocation)) {
        aliases.set(name, first);
      } else {
        throw new InvalidArgumentError({
          what: `${kernel.key} cannot write ${first} and ${name} to one buffer.`,
          fix: 'give each a buffer of its own',
        });
      }
    }
    return written;
  }

  /** Whether one binding can serve two definitions: the same elements, and the whole buffer in reach of it. */
  #sharesBinding(a: BindingDefinition, b: BindingDefinition, allocation: Allocation): boolean {
    return a.element === b.element && allocation.size <= this.traits.maxBindingBytes;
  }

  #copyOf({ allocation, start, byteLength }: Located, temporary: DeviceBuffer[]): Located {
    const padded = Math.ceil(byteLength / 4) * 4;
    const copy = this.#memory.allocate(padded, 'scratch');
    temporary.push(copy);
    const to = copy.allocation;
    this.#queue.record({ kind: 'copy', from: allocation, fromOffset: start, to, toOffset: copy.offset, size: padded });
    return { allocation: copy.allocation, start: copy.offset, byteLength };
  }

  /** A place that a uniform of the definition's size can be bound at: the view's own, or a copy's. */
  #asUniform(located: Located, definition: BindingDefinition, temporary: DeviceBuffer[], written: boolean): Located {
    const needed = uniformBytes(definition);
    const { allocation, start, byteLength } = located;
    if (!written && start % bindingAlignment === 0 && start + needed <= allocation.size) return located;
    const copy = this.#memory.allocate(needed, 'scratch');
    temporary.push(copy);
    const size = Math.min(needed, Math.ceil(byteLength / 4) * 4);
    const to = copy.allocation;
    this.#queue.record({ kind: 'copy', from: allocation, fromOffset: start, to, toOffset: copy.offset, size });
    return { allocation: to, start: copy.offset, byteLength };
  }

  /** The whole allocation where a binding spans it, else a window that covers the view. */
  #range({ allocation, start, byteLength }: Located, key: string): BoundRange {
    const { maxBindingBytes } = this.traits;
    if (allocation.size <= maxBindingBytes) return { allocation, offset: 0, size: allocation.size };
    const offset = Math.floor(start / bindingAlignment) * bindingAlignment;
    const size = Math.min(allocation.size - offset, Math.floor(maxBindingBytes / 4) * 4);
    if (start + byteLength > offset + size) {
      throw new InvalidArgumentError({
        what: `${key}: a view is larger than a binding of this device.`,
        got: `${byteLength} bytes`,
        expected: `at most ${size} bytes`,
        fix: 'split the work',
      });
    }
    return { allocation, offset, size };
  }
}

/** The backend's own buffer behind a contract buffer. */
export function deviceBufferOf(memory: DeviceMemory, buffer: unknown): DeviceBuffer {
  if (!(buffer instanceof DeviceBuffer) || !(buffer.freed || memory.owns(buffer))) {
    throw new InvalidArgumentError({
      what: 'A tensor of another backend was given to the WebGPU backend.',
      fix: 'copy its data over: read() it there and make a new tensor here',
    });
  }
  if (buffer.freed) throw new DisposedError({ what: 'A WebGPU buffer was used after it was freed.' });
  return buffer;
}

function uniformBytes({ element, count = 1 }: BindingDefinition): number {
  return bytesOfElement(element) * count;
}

/** The parameters as the shader's struct has them: scalars, then the offsets of views. */
function encodeParams(
  kernel: Kernel,
  params: Readonly<Record<string, number>>,
  offsets: ReadonlyMap<string, number>,
): Uint32Array {
  const words = new Uint32Array(kernel.paramBytes / 4);
  const floats = new Float32Array(words.buffer);
  kernel.paramNames.forEach((name, place) => {
    const value = params[name] as number;
    if (kernel.definition.params[name] === 'f32') floats[place] = value;
    else words[place] = value;
  });
  kernel.viewNames.forEach((name, place) => {
    words[kernel.paramNames.length + place] = offsets.get(name) ?? 0;
  });
  return words;
}

/** Workgroups for `count` invocations in a grid read line by line (the `index` of a kernel), `size` to a workgroup. */
export function gridOf(count: number, size: number): readonly [x: number, y: number] {
  const workgroups = Math.ceil(count / size);
  if (workgroups <= mostWorkgroups) return [workgroups, 1];
  const y = Math.ceil(workgroups / mostWorkgroups);
  return [Math.ceil(workgroups / y), y];
}
