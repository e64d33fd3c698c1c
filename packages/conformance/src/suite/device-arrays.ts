/**
 * Arrays on a device for tests of kernels: each lies between guards, at a byte offset of its choice, so that a kernel
 * that ignores offsets or writes beyond its result is found out. Results start as NaN: what is not written shows.
 */

import {
  type Backend,
  type BackendBuffer,
  type BlockDType,
  type BlockScaledArray,
  type BlockScaling,
  blocksPerRow,
  bytesPerElement,
  type DType,
  decodeFloat16,
  encodeFloat16,
  hostArray,
  isBlockDType,
  sizeOf,
  type TensorView,
} from '@inattention/core';
import { ConformanceError } from './assertions.ts';

/** Not a number in f32, nor either half of it in f16; no sensible i32. */
const guardWord = 0x7fe1_7fe1;

/** Words behind every array. */
const trailingWords = 5;

interface Placed {
  readonly view: TensorView;
  readonly buffer: BackendBuffer;
  /** Words before the array, and from its beginning to the trailing guard. */
  readonly leading: number;
  readonly end: number;
}

export class DeviceArrays {
  readonly #backend: Backend;
  readonly #leadingWords: number;
  readonly #placed = new Map<TensorView, Placed>();

  /** `leadingWords`: how many 4-byte words lie before each array. */
  constructor(backend: Backend, leadingWords = 0) {
    this.#backend = backend;
    this.#leadingWords = leadingWords;
  }

  /** f32 numbers; without `data`, all NaN. */
  floats(shape: readonly number[], data?: ArrayLike<number>): TensorView {
    return this.#place('f32', shape, data === undefined ? null : Float32Array.from(data));
  }

  /** f16 numbers, rounded to nearest even; without `data`, all NaN. */
  halves(shape: readonly number[], data?: ArrayLike<number>): TensorView {
    return this.#place('f16', shape, data === undefined ? null : encodeFloat16(Float32Array.from(data)));
  }

  /** f16 bit patterns. */
  halfBits(shape: readonly number[], bits: Uint16Array): TensorView {
    return this.#place('f16', shape, bits);
  }

  /** f32 or f16 numbers. */
  numbers(dtype: 'f32' | 'f16', shape: readonly number[], data?: ArrayLike<number>): TensorView {
    return dtype === 'f16' ? this.halves(shape, data) : this.floats(shape, data);
  }

  /** A block-scaled array: elements and scales, each between guards. `read` gives the elements. */
  blocks({ shape, values, scales, blockLength }: BlockScaledArray): TensorView {
    const blockShape = [...shape.slice(0, -1), blocksPerRow(shape.at(-1) ?? 0, blockLength)];
    const placedScales = this.floats(blockShape, scales);
    return this.#place('i8', shape, values, { blockLength, scales: placedScales, minimums: null });
  }

  /** Weights in a GGUF file's blocks. They are not read back. */
  encoded(dtype: BlockDType, shape: readonly number[], bytes: Uint8Array): TensorView {
    return this.#place(dtype, shape, bytes);
  }

  integers(shape: readonly number[], data?: ArrayLike<number>): TensorView {
    return this.#place('i32', shape, data === undefined ? null : Int32Array.from(data));
  }

  unsigned(shape: readonly number[], data?: ArrayLike<number>): TensorView {
    return this.#place('u32', shape, data === undefined ? null : Uint32Array.from(data));
  }

  /** The array's elements (f16: decoded), after checking that the guards around it are untouched. */
  async read(view: TensorView): Promise<Float32Array | Int8Array | Int32Array | Uint32Array> {
    const elements = await this.readStored(view);
    return elements instanceof Uint16Array ? decodeFloat16(elements) : elements;
  }

  /** The array's elements as they are stored (f16: bit patterns), after checking the guards. */
  async readStored(view: TensorView) {
    const { buffer, leading, end } = this.#placed.get(view) as Placed;
    const bytes = await this.#backend.read(buffer, 0, (end + trailingWords) * 4);
    const words = new Uint32Array(bytes);
    words.forEach((word, index) => {
      if ((index >= leading && index < end) || word === guardWord) return;
      throw new ConformanceError(
        `A kernel wrote outside of its result: ${(index - leading) * 4} bytes from its start.`,
      );
    });
    const { dtype } = view;
    if (isBlockDType(dtype)) throw new ConformanceError(`Arrays of ${dtype} are not read back.`);
    const byteLength = sizeOf(view.shape) * bytesPerElement[dtype];
    return hostArray(dtype, bytes.slice(leading * 4, leading * 4 + byteLength));
  }

  /** Frees all arrays. */
  dispose(): void {
    for (const { buffer } of this.#placed.values()) this.#backend.free(buffer);
    this.#placed.clear();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #place(dtype: DType, shape: readonly number[], data: ArrayBufferView | null, blocks?: BlockScaling): TensorView {
    const leading = this.#leadingWords;
    const end = leading + Math.ceil((sizeOf(shape) * bytesPerElement[dtype]) / 4);
    const words = new Uint32Array(end + trailingWords).fill(guardWord);
    if (data !== null) {
      const bytes = new Uint8Array(data.buffer, data.byteOffset, data.byteLength);
      new Uint8Array(words.buffer, leading * 4).set(bytes);
    }
    const buffer = this.#backend.allocate(words.byteLength, 'scratch');
    const view: TensorView = { buffer, byteOffset: leading * 4, dtype, shape, blocks };
    this.#placed.set(view, { view, buffer, leading, end });
    this.#backend.write(buffer, 0, words);
    return view;
  }
}

/** Runs `body` with arrays that start their buffers, and with arrays 20 bytes into theirs. */
export async function atEachOffset(backend: Backend, body: (arrays: DeviceArrays) => Promise<void>): Promise<void> {
  for (const leadingWords of [0, 5]) {
    using arrays = new DeviceArrays(backend, leadingWords);
    await body(arrays);
  }
}
