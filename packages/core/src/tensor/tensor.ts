/**
 * A tensor: a typed, contiguous region of a backend's memory with an owner. Storage is counted: `reshape` and `slice`
 * make new tensors over the same bytes, and the bytes go back when the last of them is disposed. Owners call
 * `dispose()`, or use `using`, or let an operations scope do it. There is no garbage-collected release.
 */

import type { Backend } from '../backend/backend.ts';
import type { BackendBuffer, BlockScaling, TensorView } from '../backend/tensor-view.ts';
import { DisposedError, DTypeError, InvalidArgumentError, ShapeError } from '../errors/errors.ts';
import type { Purpose } from '../ledger/ledger.ts';
import { type BlockScaledArray, checkBlocks, dequantizeBlocks, scalesShape } from './block-scaled.ts';
import {
  type BlockDType,
  blockElements,
  bytesPerElement,
  type DType,
  dtypeOf,
  type HostArray,
  hostArray,
  isBlockDType,
} from './dtype.ts';
import { decodeFloat16 } from './half.ts';
import { checkShape, formatShape, type Shape, sizeOf } from './shape.ts';

/** Counted bytes, shared by the tensors over them. */
class Storage {
  readonly backend: Backend;
  readonly buffer: BackendBuffer;
  #owners = 1;

  constructor(backend: Backend, buffer: BackendBuffer) {
    this.backend = backend;
    this.buffer = buffer;
  }

  share(): Storage {
    this.#owners += 1;
    return this;
  }

  release(): void {
    this.#owners -= 1;
    if (this.#owners === 0) this.backend.free(this.buffer);
  }
}

export class Tensor implements TensorView {
  readonly dtype: DType;
  readonly shape: Shape;
  readonly byteOffset: number;
  /** Scales of an i8 tensor, which lie behind its elements and are shared as they are. */
  readonly blocks: BlockScaling | undefined;
  #storage: Storage | null;

  private constructor(storage: Storage, dtype: DType, shape: Shape, byteOffset: number, blocks?: BlockScaling) {
    this.#storage = storage;
    this.dtype = dtype;
    this.shape = shape;
    this.byteOffset = byteOffset;
    this.blocks = blocks;
  }

  /** Takes memory for `shape`, contents undefined. Throws OutOfMemoryError, and DTypeError for i8, q4_1 and q8_0. */
  static allocate(backend: Backend, shape: Shape, dtype: DType, purpose: Purpose): Tensor {
    checkShape(shape, 'A tensor');
    if (dtype === 'i8' || isBlockDType(dtype)) {
      throw new DTypeError({
        what: 'A tensor in blocks cannot be made without scales.',
        got: dtype,
        fix: 'use Tensor.fromBlocks (i8) or Tensor.fromEncoded',
      });
    }
    const buffer = backend.allocate(sizeOf(shape) * bytesPerElement[dtype], purpose);
    return new Tensor(new Storage(backend, buffer), dtype, [...shape], 0);
  }

  /** Takes memory and copies `data` (f16: bit patterns in a Uint16Array) into it. */
  static from(backend: Backend, data: HostArray, shape: Shape, purpose: Purpose): Tensor {
    checkShape(shape, 'A tensor');
    if (data.length !== sizeOf(shape)) {
      throw new ShapeError({
        what: 'A tensor was given data that does not fill its shape.',
        got: `${data.length} elements`,
        expected: `${sizeOf(shape)} for ${formatShape(shape)}`,
      });
    }
    const tensor = Tensor.allocate(backend, shape, dtypeOf(data), purpose);
    try {
      backend.write(tensor.buffer, 0, data);
    } catch (error) {
      tensor.dispose();
      throw error;
    }
    return tensor;
  }

  /** Takes memory and copies a block-scaled array into it: elements, then scales. dtype i8. */
  static fromBlocks(
    backend: Backend,
    { shape, values, scales, blockLength }: BlockScaledArray,
    purpose: Purpose,
  ): Tensor {
    checkBlocks(shape, blockLength, 'A tensor');
    const blockShape = scalesShape(shape, blockLength);
    if (values.length !== sizeOf(shape) || scales.length !== sizeOf(blockShape)) {
      throw new ShapeError({
        what: 'A tensor was given blocks that do not fill its shape.',
        got: `${values.length} elements and ${scales.length} scales`,
        expected: `${sizeOf(shape)} and ${sizeOf(blockShape)} for ${formatShape(shape)}`,
      });
    }
    const buffer = backend.allocate(values.byteLength + scales.byteLength, purpose);
    const tensor = new Tensor(new Storage(backend, buffer), 'i8', [...shape], 0, {
      blockLength,
      scales: { buffer, byteOffset: values.byteLength, dtype: 'f32', shape: blockShape },
      minimums: null,
    });
    try {
      backend.write(buffer, 0, values);
      backend.write(buffer, values.byteLength, scales);
    } catch (error) {
      tensor.dispose();
      throw error;
    }
    return tensor;
  }

  /** Takes memory and copies a GGUF file's blocks into it: rows of whole blocks, each row whole 4-byte words. */
  static fromEncoded(backend: Backend, dtype: BlockDType, bytes: Uint8Array, shape: Shape, purpose: Purpose): Tensor {
    checkShape(shape, 'A tensor');
    const width = shape.at(-1) ?? 0;
    const byteLength = sizeOf(shape) * bytesPerElement[dtype];
    const whole = shape.length > 1 && width % blockElements === 0 && (width * bytesPerElement[dtype]) % 4 === 0;
    if (!whole || bytes.byteLength !== byteLength) {
      throw new ShapeError({
        what: 'A tensor was given blocks that do not fill its shape.',
        got: `${bytes.byteLength} bytes of ${dtype} for ${formatShape(shape)}`,
        expected: whole ? `${byteLength} bytes` : 'rows of whole blocks and words',
      });
    }
    const tensor = new Tensor(new Storage(backend, backend.allocate(byteLength, purpose)), dtype, [...shape], 0);
    try {
      backend.write(tensor.buffer, 0, bytes);
    } catch (error) {
      tensor.dispose();
      throw error;
    }
    return tensor;
  }

  get backend(): Backend {
    return this.#alive().backend;
  }

  get buffer(): BackendBuffer {
    return this.#alive().buffer;
  }

  get disposed(): boolean {
    return this.#storage === null;
  }

  /** Number of elements. */
  get size(): number {
    return sizeOf(this.shape);
  }

  /** A new tensor over the same bytes; both must be disposed of. Blocks keep the last axis. */
  reshape(shape: Shape): Tensor {
    checkShape(shape, 'reshape');
    if (this.#inBlocks && (shape.length < 2 || shape.at(-1) !== this.shape.at(-1))) {
      throw new ShapeError({
        what: 'reshape must keep the last axis of a tensor kept in blocks.',
        got: `${formatShape(this.shape)} to ${formatShape(shape)}`,
      });
    }
    if (sizeOf(shape) !== this.size) {
      throw new ShapeError({
        what: 'reshape must keep the number of elements.',
        got: `${formatShape(this.shape)} to ${formatShape(shape)}`,
      });
    }
    return new Tensor(this.#alive().share(), this.dtype, [...shape], this.byteOffset, this.#blocksOf(shape, 0));
  }

  /** Entries [start, start + count) of the first axis, over the same bytes; both must be disposed of. */
  slice(start: number, count: number): Tensor {
    const [length = 0, ...rest] = this.shape;
    if (!(Number.isInteger(start) && Number.isInteger(count) && start >= 0 && count >= 0 && start + count <= length)) {
      throw new InvalidArgumentError({
        what: 'slice is out of range.',
        got: `start ${start}, count ${count}`,
        expected: `a range within 0 … ${length}`,
      });
    }
    const byteOffset = this.byteOffset + start * sizeOf(rest) * bytesPerElement[this.dtype];
    if (byteOffset % 4 !== 0) {
      throw new InvalidArgumentError({
        what: 'slice must start on a multiple of 4 bytes.',
        got: `byte ${byteOffset}`,
        fix: 'slice f16 tensors at even element offsets',
      });
    }
    const shape = [count, ...rest];
    return new Tensor(this.#alive().share(), this.dtype, shape, byteOffset, this.#blocksOf(shape, start));
  }

  /** Overwrites the whole tensor; not one kept in blocks. */
  write(data: HostArray): void {
    if (this.#inBlocks) {
      throw new DTypeError({ what: 'write does not take tensors kept in blocks.', got: this.dtype });
    }
    if (dtypeOf(data) !== this.dtype) {
      throw new DTypeError({ what: 'write was given another dtype.', got: dtypeOf(data), expected: this.dtype });
    }
    if (data.length !== this.size) {
      throw new ShapeError({
        what: 'write was given the wrong number of elements.',
        got: String(data.length),
        expected: String(this.size),
      });
    }
    this.backend.write(this.buffer, this.byteOffset, data);
  }

  /** The elements as they are stored (f16: bit patterns; i8: without their scales). DTypeError for q4_1 and q8_0. */
  async read(): Promise<HostArray> {
    const { dtype } = this;
    if (isBlockDType(dtype)) {
      throw new DTypeError({ what: 'Blocks are read as bytes.', got: dtype, fix: 'readEncoded, decodeWeightBlocks' });
    }
    return hostArray(dtype, await this.#readBytes());
  }

  /** The bytes of a q4_1 or q8_0 tensor's blocks (numbers: `decodeWeightBlocks`). */
  async readEncoded(): Promise<Uint8Array> {
    return new Uint8Array(await this.#readBytes());
  }

  /** The numbers of an f32, f16 or i8 tensor. */
  async readFloat32(): Promise<Float32Array> {
    const { backend, blocks, shape } = this;
    const data = await this.read();
    if (data instanceof Float32Array) return data;
    if (data instanceof Uint16Array) return decodeFloat16(data);
    if (data instanceof Int8Array && blocks !== undefined) {
      const { buffer, byteOffset, shape: blockShape } = blocks.scales;
      const scales = new Float32Array(await backend.read(buffer, byteOffset, sizeOf(blockShape) * 4));
      return dequantizeBlocks({ shape, values: data, scales, blockLength: blocks.blockLength });
    }
    throw new DTypeError({ what: 'readFloat32 needs a float tensor.', got: this.dtype, expected: 'a float dtype' });
  }

  /** Gives up this tensor's share of its bytes. Doing so twice is harmless. */
  dispose(): void {
    this.#storage?.release();
    this.#storage = null;
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  get #inBlocks(): boolean {
    return this.blocks !== undefined || isBlockDType(this.dtype);
  }

  #readBytes(): Promise<ArrayBuffer> {
    return this.backend.read(this.buffer, this.byteOffset, this.size * bytesPerElement[this.dtype]);
  }

  /** The scales of a view of this tensor of `shape`, which begins at entry `start` of the first axis. */
  #blocksOf(shape: Shape, start: number): BlockScaling | undefined {
    if (this.blocks === undefined) return undefined;
    const { blockLength, scales, minimums } = this.blocks;
    const first = start * sizeOf(scales.shape.slice(1)) * 4;
    const part = (view: TensorView): TensorView => ({
      ...view,
      byteOffset: view.byteOffset + first,
      shape: scalesShape(shape, blockLength),
    });
    return { blockLength, scales: part(scales), minimums: minimums === null ? null : part(minimums) };
  }

  #alive(): Storage {
    if (this.#storage === null) {
      throw new DisposedError({
        what: `A tensor of shape ${formatShape(this.shape)} was used after it was disposed of.`,
        fix: 'keep its owner alive, or return it from the scope that made it',
      });
    }
    return this.#storage;
  }
}
