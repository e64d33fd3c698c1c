/**
 * A device array of rows that grows in pages and shares them: `fork` shares every full page (counted once by the
 * ledger) and copies the tail; a write to a shared page copies that page first. Rows move only in `splice`.
 *
 * Growth is separate from writing, so that everything that can fail for want of memory fails before data changes.
 */

import type { TensorView } from '../backend/tensor-view.ts';
import type { Purpose } from '../ledger/ledger.ts';
import type { EagerOperations } from '../operations/eager-operations.ts';
import { bytesPerElement, type DType, type HostArray } from '../tensor/dtype.ts';
import { type Shape, sizeOf } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { pageCount } from './page-sizes.ts';

/** A page with the number of arrays that hold it. */
interface Page {
  readonly tensor: Tensor;
  owners: number;
}

export interface PagedArrayOptions {
  readonly dtype: DType;
  /** Shape of one row; [] for a number per row. */
  readonly rowShape: Shape;
  /** Rows per page. */
  readonly pageLength: number;
  readonly purpose: Purpose;
}

export class PagedArray {
  readonly pageLength: number;
  readonly dtype: DType;
  readonly rowShape: Shape;
  readonly #operations: EagerOperations;
  readonly #options: PagedArrayOptions;
  readonly #rowSize: number;
  #pages: Page[] = [];
  #length = 0;
  #views: readonly Tensor[] | null = null;

  constructor(operations: EagerOperations, options: PagedArrayOptions) {
    this.#operations = operations;
    this.#options = options;
    this.pageLength = options.pageLength;
    this.dtype = options.dtype;
    this.rowShape = options.rowShape;
    this.#rowSize = sizeOf(options.rowShape);
  }

  /** Rows in use. */
  get length(): number {
    return this.#length;
  }

  /** Bytes of the pages this array holds, shared ones included. */
  get byteLength(): number {
    return this.#pages.length * this.#pageBytes;
  }

  /** The pages, in order, each [pageLength, ...rowShape]; the same list until pages change. */
  get pages(): readonly Tensor[] {
    this.#views ??= this.#pages.map((page) => page.tensor);
    return this.#views;
  }

  /**
   * Takes the pages for `length` rows, and a copy of the tail page if that is shared: writes to the new rows, which are
   * undefined, take no more memory. Throws OutOfMemoryError with nothing changed.
   */
  grow(length: number): void {
    const added: Page[] = [];
    try {
      while ((this.#pages.length + added.length) * this.pageLength < length) added.push(this.#newPage());
      const tail = this.#length % this.pageLength;
      if (tail > 0 && length > this.#length) this.#ownPage(Math.floor(this.#length / this.pageLength), true);
    } catch (error) {
      for (const page of added) page.tensor.dispose();
      throw error;
    }
    this.#pages.push(...added);
    this.#length = Math.max(this.#length, length);
    if (added.length > 0) this.#views = null;
  }

  /** Drops rows from `length` on, with the pages no longer needed. */
  truncate(length: number): void {
    const kept = pageCount(length, this.pageLength);
    const dropped = this.#pages.splice(kept);
    for (const page of dropped) releasePage(page);
    this.#length = Math.min(this.#length, length);
    if (dropped.length > 0) this.#views = null;
  }

  /** Overwrites rows [start, start + n) with those of `source` [n, ...rowShape], of the same dtype. */
  write(start: number, source: TensorView): void {
    const count = source.shape[0] ?? 0;
    this.#eachPiece(start, count, (page, offset, done, length) => {
      this.#copy(source, done, page.tensor, offset, length);
    });
  }

  /** Overwrites rows from `start` on with host data. */
  writeHost(start: number, data: HostArray): void {
    this.#eachPiece(start, data.length / this.#rowSize, (page, offset, done, length) => {
      const piece = data.subarray(done * this.#rowSize, (done + length) * this.#rowSize);
      const byteOffset = page.tensor.byteOffset + offset * this.#rowBytes;
      page.tensor.backend.write(page.tensor.buffer, byteOffset, piece);
    });
  }

  /** Copies rows [start, start + count) into the beginning of `out`. */
  read(start: number, count: number, out: TensorView, outRow = 0): void {
    for (let done = 0; done < count; ) {
      const row = start + done;
      const offset = row % this.pageLength;
      const length = Math.min(count - done, this.pageLength - offset);
      const page = this.#pages[Math.floor(row / this.pageLength)] as Page;
      this.#copy(page.tensor, offset, out, outRow + done, length);
      done += length;
    }
  }

  /**
   * Replaces rows [start, start + deleteCount) by `insertCount` undefined rows, moving later rows. Pages before the
   * first touched one stay shared. On OutOfMemoryError nothing has changed. Returns the bytes moved.
   */
  splice(start: number, deleteCount: number, insertCount: number): number {
    if (deleteCount === insertCount) return 0;
    const movedFrom = start + deleteCount;
    const moved = this.#length - movedFrom;
    if (moved === 0 && insertCount === 0) {
      this.truncate(start);
      return 0;
    }
    const length = this.#length - deleteCount + insertCount;
    if (moved === 0 && deleteCount === 0) {
      this.grow(length); // an append leaves the pages there are where they are
      return 0;
    }
    const result = new PagedArray(this.#operations, this.#options);
    const keptPages = Math.floor(start / this.pageLength);
    for (const page of this.#pages.slice(0, keptPages)) result.#pages.push(sharePage(page));
    try {
      result.grow(length);
      const kept = keptPages * this.pageLength;
      result.#moveFrom(this, kept, kept, start - kept);
      result.#moveFrom(this, movedFrom, start + insertCount, moved);
    } catch (error) {
      result.dispose();
      throw error;
    }
    const old = this.#pages;
    this.#pages = result.#pages;
    this.#length = length;
    this.#views = null;
    for (const page of old) releasePage(page);
    return moved * this.#rowBytes;
  }

  /** An array with the same rows: full pages shared, the tail page copied. */
  fork(): PagedArray {
    const copy = new PagedArray(this.#operations, this.#options);
    const full = Math.floor(this.#length / this.pageLength);
    const tail = this.#length - full * this.pageLength;
    for (const page of this.#pages.slice(0, full)) copy.#pages.push(sharePage(page));
    copy.#length = full * this.pageLength;
    try {
      copy.grow(this.#length);
      copy.#moveFrom(this, full * this.pageLength, full * this.pageLength, tail);
    } catch (error) {
      copy.dispose();
      throw error;
    }
    return copy;
  }

  dispose(): void {
    this.truncate(0);
  }

  get #rowBytes(): number {
    return this.#rowSize * bytesPerElement[this.dtype];
  }

  get #pageBytes(): number {
    return this.pageLength * this.#rowBytes;
  }

  #newPage(): Page {
    const { rowShape, dtype, purpose } = this.#options;
    const shape = [this.pageLength, ...rowShape];
    return { tensor: Tensor.allocate(this.#operations.backend, shape, dtype, purpose), owners: 1 };
  }

  /** Copies `count` rows of another array, page by page. */
  #moveFrom(source: PagedArray, sourceStart: number, start: number, count: number): void {
    this.#eachPiece(start, count, (page, offset, done, length) => {
      source.read(sourceStart + done, length, page.tensor, offset);
    });
  }

  /** Calls `write` for the part of [start, start + count) in each page; shared pages are copied first. */
  #eachPiece(
    start: number,
    count: number,
    write: (page: Page, offset: number, done: number, length: number) => void,
  ): void {
    for (let done = 0; done < count; ) {
      const row = start + done;
      const number = Math.floor(row / this.pageLength);
      const offset = row % this.pageLength;
      const length = Math.min(count - done, this.pageLength - offset);
      write(this.#ownPage(number, length < this.pageLength), offset, done, length);
      done += length;
    }
  }

  /** The page for writing: a copy of its own if it is shared. */
  #ownPage(number: number, keepContents: boolean): Page {
    const page = this.#pages[number] as Page;
    if (page.owners === 1) return page;
    const own = this.#newPage();
    try {
      if (keepContents) this.#copy(page.tensor, 0, own.tensor, 0, this.pageLength);
    } catch (error) {
      own.tensor.dispose();
      throw error;
    }
    releasePage(page);
    this.#pages[number] = own;
    this.#views = null;
    return own;
  }

  #copy(input: TensorView, inputRow: number, out: TensorView, outRow: number, rows: number): void {
    if (rows === 0) return;
    this.#operations.backend.primitives.copyBlock({
      input,
      inputOffset: inputRow * this.#rowSize,
      inputStride: 0,
      out,
      outOffset: outRow * this.#rowSize,
      outStride: 0,
      outer: 1,
      length: rows * this.#rowSize,
    });
  }
}

function sharePage(page: Page): Page {
  page.owners += 1;
  return page;
}

function releasePage(page: Page): void {
  page.owners -= 1;
  if (page.owners === 0) page.tensor.dispose();
}
