/**
 * What kernels share: tensors of views in the shape a kernel wants, decoded where they are stored smaller, and results put
 * where they belong.
 */

import { bytesPerElement, type TensorView } from '@inattention/core';
import { elementsOf, type Handle } from '../execution/handle.ts';
import type { Runtime } from '../execution/runtime.ts';
import type { TensorOperations } from '../execution/tensor-operations.ts';
import type { DeviceBuffer } from '../memory/device-buffer.ts';
import { type DeviceMemory, wordsOfView } from '../memory/device-memory.ts';

export class KernelContext {
  readonly memory: DeviceMemory;
  readonly operations: TensorOperations;
  readonly runtime: Runtime;

  constructor(memory: DeviceMemory) {
    this.memory = memory;
    this.operations = memory.operations;
    this.runtime = memory.operations.runtime;
  }

  /** The buffer of a view. */
  bufferOf(view: TensorView): DeviceBuffer {
    return this.memory.buffer(view.buffer);
  }

  /** Whether a view covers the whole of its buffer. */
  isWhole(view: TensorView): boolean {
    const [offset, count] = wordsOfView(view, bytesPerElement[view.dtype]);
    return offset === 0 && count === this.bufferOf(view).wordCount;
  }

  /** The words of a view, in `shape` (by default any). */
  words(view: TensorView, shape?: readonly number[]): Handle {
    const buffer = this.bufferOf(view);
    const [offset, count] = wordsOfView(view, bytesPerElement[view.dtype]);
    if (offset === 0 && count === buffer.wordCount) {
      return shape === undefined ? this.memory.contents(buffer) : this.memory.shaped(buffer, shape);
    }
    const flat = this.memory.shaped(buffer, [buffer.wordCount]);
    const part = this.operations.slice(flat, [offset], [count]);
    return shape === undefined ? part : this.operations.reshape(part, shape);
  }

  /** The numbers of an f32, f16 or i8 view as floats. */
  numbers(view: TensorView, shape: readonly number[] = view.shape): Handle {
    if (view.dtype === 'f32') return this.words(view, shape);
    if (view.dtype === 'f16') return this.operations.toFloat(this.halves(view, shape));
    return this.operations.reshape(this.#blockNumbers(view), shape);
  }

  /** The halves of an f16 view. */
  halves(view: TensorView, shape: readonly number[] = view.shape): Handle {
    const size = elementsOf(view.shape);
    const halves = this.operations.bitsAs(this.words(view, [Math.ceil(size / 2)]), 'half'); // [words, 2]
    if (size % 2 === 0) return this.operations.reshape(halves, shape);
    const flat = this.operations.toFloat(this.operations.reshape(halves, [size + 1]));
    return this.operations.reshape(this.operations.toHalf(this.operations.slice(flat, [0], [size])), shape);
  }

  /** number = scale · element, scales by blocks along the last axis. */
  #blockNumbers(view: TensorView): Handle {
    const width = view.shape.at(-1) as number;
    const rows = elementsOf(view.shape) / width;
    const bytes = this.operations.bitsAs(this.words(view, [rows, width / 4]), 'int8'); // [rows, K/4, 4]
    const elements = this.operations.toFloat(this.operations.reshape(bytes, [rows, width]));
    const { scales, blockLength } = view.blocks as NonNullable<TensorView['blocks']>;
    return this.scaleBlocks(elements, this.words(scales, [rows, Math.ceil(width / blockLength)]), blockLength);
  }

  /** Elements [rows, K] times the scale of their block, scales [rows, ceil(K / blockLength)]. */
  scaleBlocks(elements: Handle, scales: Handle, blockLength: number): Handle {
    const { operations } = this;
    const [rows, width] = elements.shape as readonly [number, number];
    if (width % blockLength === 0) {
      const blocks = width / blockLength;
      const split = operations.reshape(elements, [rows, blocks, blockLength]);
      return operations.reshape(operations.binary('Mul', split, operations.reshape(scales, [rows, blocks, 1])), [
        rows,
        width,
      ]); // [rows, K]
    }
    const blockOf = Int32Array.from({ length: width }, (_, column) => Math.floor(column / blockLength));
    return operations.binary('Mul', elements, operations.gather(scales, this.runtime.upload(blockOf, [width]), 1));
  }

  /** Puts floats (or words) into a view. */
  store(view: TensorView, handle: Handle): void {
    this.memory.writeWords(this.bufferOf(view), view.byteOffset / 4, handle);
  }

  /** Rounds floats to f16 and puts them into a view. */
  storeHalves(view: TensorView, floats: Handle): void {
    const size = elementsOf(floats.shape);
    const flat = this.operations.reshape(floats, [size]);
    const even = size % 2 === 0 ? flat : this.operations.pad(flat, [[0, 1]], 0);
    const halves = this.operations.reshape(this.operations.toHalf(even), [Math.ceil(size / 2), 2]);
    this.store(view, this.operations.wordsOf(halves));
  }

  /** The integers of a view, on the host. Not to be changed. */
  integers(view: TensorView): Int32Array {
    const buffer = this.bufferOf(view);
    const [offset, count] = wordsOfView(view, 4);
    if (buffer.integers !== null) return buffer.integers.subarray(offset, offset + count);
    const words = this.runtime.binding.tensorDataSync(this.words(view).id);
    return new Int32Array(words.buffer, words.byteOffset, count);
  }

  /** Integers as a tensor for this kernel. */
  index(values: Int32Array | readonly number[]): Handle {
    const list = values instanceof Int32Array ? values.slice() : Int32Array.from(values);
    return this.runtime.upload(list, [list.length]);
  }
}
