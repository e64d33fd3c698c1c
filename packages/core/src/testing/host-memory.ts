/**
 * Memory of the host backend: one ArrayBuffer per allocation, counted exactly, and checked access to views of it.
 * New memory is filled with bits that are NaN as f32 and f16 and no row number as i32, so that a read of what was
 * never written shows.
 */

import type { BackendBuffer, TensorView } from '../backend/tensor-view.ts';
import { DisposedError, DTypeError, InvalidArgumentError, OutOfMemoryError, ShapeError } from '../errors/errors.ts';
import type { Ledger, Purpose } from '../ledger/ledger.ts';
import { checkBlocks, dequantizeBlocks, scalesShape } from '../tensor/block-scaled.ts';
import { type BlockDType, blockElements, bytesPerElement, isBlockDType } from '../tensor/dtype.ts';
import { decodeFloat16 } from '../tensor/half.ts';
import { formatShape, sizeOf } from '../tensor/shape.ts';
import { decodeWeightBlocks } from '../tensor/weight-blocks.ts';

/** NaN in f32 and (twice) in f16; 2,147,450,879 in i32. */
const poison = 0x7fff7fff;

/** One allocation. */
export class HostBuffer implements BackendBuffer {
  readonly byteLength: number;
  readonly memory: HostMemory;
  readonly purpose: Purpose;
  /** null once freed. */
  contents: ArrayBuffer | null;

  constructor(memory: HostMemory, byteLength: number, purpose: Purpose) {
    this.memory = memory;
    this.byteLength = byteLength;
    this.purpose = purpose;
    this.contents = new ArrayBuffer(byteLength);
    new Uint32Array(this.contents).fill(poison);
  }
}

export class HostMemory {
  readonly #ledger: Ledger;
  readonly #maxBytes: number;
  readonly #live = new Set<HostBuffer>();
  #disposed = false;

  constructor(ledger: Ledger, maxBytes: number) {
    this.#ledger = ledger;
    this.#maxBytes = maxBytes;
  }

  /** Takes `byteLength` bytes, rounded up to a multiple of 4. Throws OutOfMemoryError with nothing changed. */
  allocate(byteLength: number, purpose: Purpose): HostBuffer {
    this.expectAlive();
    if (!Number.isSafeInteger(byteLength) || byteLength < 0) {
      throw new InvalidArgumentError({ what: 'An allocation needs a whole number of bytes.', got: String(byteLength) });
    }
    const rounded = Math.ceil(byteLength / 4) * 4;
    this.expectRoom(rounded);
    const buffer = new HostBuffer(this, rounded, purpose);
    this.#live.add(buffer);
    this.#ledger.addLive(purpose, rounded);
    return buffer;
  }

  /** Harmless after `dispose`, which freed everything. */
  free(buffer: BackendBuffer): void {
    const own = this.#own(buffer);
    if (this.#disposed) return;
    if (own.contents === null) throw new DisposedError({ what: 'A host buffer was freed twice.' });
    this.#release(own);
  }

  /** Throws OutOfMemoryError unless `byteLength` more bytes may be taken. */
  expectRoom(byteLength: number): void {
    this.expectAlive();
    const availableBytes = this.#maxBytes - this.#ledger.snapshot().liveTotal;
    if (byteLength > availableBytes) {
      throw new OutOfMemoryError({
        what: 'The host backend is out of memory.',
        got: `a request for ${byteLength} bytes`,
        expected: `at most ${availableBytes}`,
        requestedBytes: byteLength,
        availableBytes,
      });
    }
  }

  dispose(): void {
    for (const buffer of this.#live) this.#release(buffer);
    this.#disposed = true;
  }

  expectAlive(): void {
    if (this.#disposed) throw new DisposedError({ what: 'The host backend was used after it was disposed of.' });
  }

  /** Bytes [byteOffset, byteOffset + byteLength) of a buffer. */
  bytes(buffer: BackendBuffer, byteOffset: number, byteLength: number): Uint8Array<ArrayBuffer> {
    this.expectAlive();
    const { contents } = this.#own(buffer);
    if (contents === null) throw new DisposedError({ what: 'A host buffer was used after it was freed.' });
    if (!(byteOffset >= 0 && byteOffset % 4 === 0 && byteOffset + byteLength <= contents.byteLength)) {
      throw new InvalidArgumentError({
        what: 'A region is not within its buffer, or does not start on a multiple of 4 bytes.',
        got: `bytes ${byteOffset} … ${byteOffset + byteLength}`,
        expected: `within 0 … ${contents.byteLength}`,
      });
    }
    return new Uint8Array(contents, byteOffset, byteLength);
  }

  /** The elements of an f32 view; `length`: how many there must be. */
  floats(view: TensorView, where: string, length?: number): Float32Array {
    return new Float32Array(...this.#region(view, where, ['f32'], length));
  }

  /** The elements of an i32 view. */
  integers(view: TensorView, where: string, length?: number): Int32Array {
    return new Int32Array(...this.#region(view, where, ['i32'], length));
  }

  /** The elements of an f32 view, or those of a view in a storage dtype decoded; to be read only. */
  numbers(view: TensorView, where: string, length?: number): Float32Array {
    const { dtype } = view;
    if (dtype === 'i8') return this.#blockNumbers(view, where, length);
    if (isBlockDType(dtype)) return this.#encodedNumbers(view, dtype, where, length);
    if (dtype !== 'f16') return this.floats(view, where, length);
    return decodeFloat16(new Uint16Array(...this.#region(view, where, ['f16'], length)));
  }

  /** The elements of a view of any dtype as they are stored. */
  words(view: TensorView, where: string, length?: number): Uint16Array | Uint32Array {
    const region = this.#region(view, where, ['f32', 'f16', 'i32', 'u32'], length);
    return view.dtype === 'f16' ? new Uint16Array(...region) : new Uint32Array(...region);
  }

  /** Throws when `out` shares bytes with an input. With `elementwise`, exactly the same region is allowed. */
  expectApart(where: string, out: TensorView, inputs: readonly TensorView[], elementwise = false): void {
    const end = (view: TensorView) => view.byteOffset + sizeOf(view.shape) * bytesPerElement[view.dtype];
    for (const input of inputs.flatMap((view) => (view.blocks === undefined ? [view] : [view, view.blocks.scales]))) {
      if (input.buffer !== out.buffer || input.byteOffset >= end(out) || out.byteOffset >= end(input)) continue;
      if (elementwise && input.byteOffset === out.byteOffset && end(input) === end(out)) continue;
      throw new InvalidArgumentError({ what: `${where}: the result overlaps an input.` });
    }
  }

  /** The numbers of a block-scaled view, whose scales must be there. */
  #blockNumbers(view: TensorView, where: string, length?: number): Float32Array {
    const values = new Int8Array(...this.#region(view, where, ['i8'], length));
    const { shape, blocks } = view;
    if (blocks === undefined || blocks.minimums !== null) {
      throw new DTypeError({ what: `${where}: i8 needs scales, and no offsets.`, got: 'i8', expected: 'blocks' });
    }
    const { blockLength } = blocks;
    checkBlocks(shape, blockLength, where);
    const scales = this.floats(blocks.scales, `${where}: the scales`, sizeOf(scalesShape(shape, blockLength)));
    return dequantizeBlocks({ shape, values, scales, blockLength });
  }

  /** The numbers of a view in a GGUF file's blocks. */
  #encodedNumbers(view: TensorView, dtype: BlockDType, where: string, length?: number): Float32Array {
    if (view.shape.length < 2 || (view.shape.at(-1) as number) % blockElements !== 0) {
      throw new ShapeError({ what: `${where}: rows must be whole blocks.`, got: formatShape(view.shape) });
    }
    const [buffer, byteOffset, size] = this.#region(view, where, [dtype], length);
    const numbers = new Float32Array(size);
    decodeWeightBlocks(dtype, new Uint8Array(buffer, byteOffset, size * bytesPerElement[dtype]), numbers);
    return numbers;
  }

  #region(
    { buffer, byteOffset, dtype, shape }: TensorView,
    where: string,
    dtypes: readonly string[],
    length: number | undefined,
  ): [buffer: ArrayBuffer, byteOffset: number, length: number] {
    if (!dtypes.includes(dtype)) {
      throw new DTypeError({ what: `${where} is of a wrong dtype.`, got: dtype, expected: dtypes.join(' or ') });
    }
    const size = sizeOf(shape);
    if (length !== undefined && size !== length) {
      throw new ShapeError({
        what: `${where} has the wrong number of elements.`,
        got: `${size}, ${formatShape(shape)}`,
        expected: String(length),
      });
    }
    const bytes = this.bytes(buffer, byteOffset, size * bytesPerElement[dtype]);
    return [bytes.buffer, byteOffset, size];
  }

  #release(buffer: HostBuffer): void {
    buffer.contents = null;
    this.#live.delete(buffer);
    this.#ledger.addLive(buffer.purpose, -buffer.byteLength);
  }

  #own(buffer: BackendBuffer): HostBuffer {
    if (buffer instanceof HostBuffer && buffer.memory === this) return buffer;
    throw new InvalidArgumentError({
      what: 'A tensor of another backend was given to the host backend.',
      fix: 'copy its data over: read() it there and make a new tensor here',
    });
  }
}
