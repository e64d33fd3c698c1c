/**
 * Context states x̂ in rows that never move, shared by a context and its forks and counted by the positions that use
 * them. The lowest free rows are taken first; a page goes when nobody uses any row of it, wherever it is, and comes back
 * when its rows are wanted. So the pool holds exactly the pages that have rows in use.
 */

import type { PagedRows } from '../backend/context-view.ts';
import type { EagerOperations } from '../operations/eager-operations.ts';
import { bytesPerElement } from '../tensor/dtype.ts';
import { Tensor } from '../tensor/tensor.ts';
import type { ContextDType } from './context-mode.ts';
import type { ContextModel } from './context-model.ts';
import { rowPageSlots } from './page-sizes.ts';

interface StatePage {
  /** [rowPageSlots, D]; null while nobody uses a row. */
  tensor: Tensor | null;
  /** Uses of each row. */
  readonly uses: Int32Array;
  /** Rows with uses. */
  used: number;
}

export class StatePool {
  readonly dtype: ContextDType;
  readonly rowsPerPage = rowPageSlots;
  readonly #operations: EagerOperations;
  readonly #hiddenSize: number;
  /** By row number / rowPageSlots; the last one has rows in use. */
  readonly #pages: StatePage[] = [];
  /** Pages before this one have no free row. */
  #firstFree = 0;
  #tensors: readonly Tensor[] | null = null;
  #paged: PagedRows | null = null;
  #pagedOf: readonly Tensor[] | null = null;
  #users = 0;

  constructor(model: ContextModel, dtype: ContextDType) {
    this.dtype = dtype;
    this.#operations = model.operations;
    this.#hiddenSize = model.config.hiddenSize;
  }

  get byteLength(): number {
    const present = this.#pages.reduce((count, { tensor }) => count + Number(tensor !== null), 0);
    return present * rowPageSlots * this.#hiddenSize * bytesPerElement[this.dtype];
  }

  /**
   * The rows, in pages of `rowsPerPage`, each [rowsPerPage, D]; the same list until pages change. In the place of a page
   * that nobody uses stands another one.
   */
  get pages(): readonly Tensor[] {
    if (this.#tensors === null) {
      const present = this.#pages.at(-1)?.tensor as Tensor;
      this.#tensors = this.#pages.map(({ tensor }) => tensor ?? present);
    }
    return this.#tensors;
  }

  /** The rows as keys and values of one head of size D, [*, 1, D]; the same object until pages change. */
  get paged(): PagedRows {
    const { pages } = this;
    if (this.#paged === null || this.#pagedOf !== pages) {
      const rows = pages.map(({ buffer, byteOffset, dtype }) => {
        const states = { buffer, byteOffset, dtype, shape: [rowPageSlots, 1, this.#hiddenSize] };
        return { keys: states, values: states };
      });
      this.#paged = { pages: rows, rowsPerPage: rowPageSlots };
      this.#pagedOf = pages;
    }
    return this.#paged;
  }

  join(): void {
    this.#users += 1;
  }

  leave(): void {
    this.#users -= 1;
    if (this.#users > 0) return;
    for (const { tensor } of this.#pages.splice(0)) tensor?.dispose();
    this.#tensors = null;
  }

  /** `count` rows, ascending, each used once, contents undefined. Throws OutOfMemoryError with nothing changed. */
  acquire(count: number): Int32Array {
    this.#takePages(count);
    const slots = new Int32Array(count);
    let taken = 0;
    while (taken < count) {
      const page = this.#pages[this.#firstFree] as StatePage;
      for (let row = 0; row < rowPageSlots && taken < count && page.used < rowPageSlots; row += 1) {
        if (page.uses[row] !== 0) continue;
        page.uses[row] = 1;
        page.used += 1;
        slots[taken] = this.#firstFree * rowPageSlots + row;
        taken += 1;
      }
      if (page.used === rowPageSlots) this.#firstFree += 1;
    }
    return slots;
  }

  /** Counts one more use of each row. */
  reuse(slots: Int32Array): void {
    for (let place = 0; place < slots.length; place += 1) {
      const { uses, row } = this.#rowOf(slots[place] as number);
      uses[row] = (uses[row] as number) + 1;
    }
  }

  /** Gives back one use of each row, and the pages that nobody uses any more. */
  release(slots: Int32Array): void {
    for (let place = 0; place < slots.length; place += 1) {
      const slot = slots[place] as number;
      const number = Math.floor(slot / rowPageSlots);
      const page = this.#pages[number] as StatePage;
      const uses = (page.uses[slot % rowPageSlots] as number) - 1;
      page.uses[slot % rowPageSlots] = uses;
      if (uses > 0) continue;
      page.used -= 1;
      this.#firstFree = Math.min(this.#firstFree, number);
      if (page.used === 0) this.#drop(page);
    }
    this.#trim();
  }

  /** Writes x̂ [n, D], in the pool's dtype, to the rows `slots`, a run of neighbours at a time. */
  write(slots: Int32Array, states: Tensor): void {
    const width = this.#hiddenSize;
    for (let start = 0; start < slots.length; ) {
      const slot = slots[start] as number;
      const row = slot % rowPageSlots;
      let run = 1;
      while (start + run < slots.length && row + run < rowPageSlots && slots[start + run] === slot + run) run += 1;
      this.#operations.backend.primitives.copyBlock({
        input: states,
        inputOffset: start * width,
        inputStride: 0,
        out: this.#pages[Math.floor(slot / rowPageSlots)]?.tensor as Tensor,
        outOffset: row * width,
        outStride: 0,
        outer: 1,
        length: run * width,
      });
      start += run;
    }
  }

  /** Sees to it that pages from the first free row on have `count` free rows. Throws with nothing changed. */
  #takePages(count: number): void {
    const added: StatePage[] = [];
    let missing = count;
    try {
      for (let number = this.#firstFree; missing > 0; number += 1) {
        const page = this.#pages[number] ?? { tensor: null, uses: new Int32Array(rowPageSlots), used: 0 };
        if (page.tensor === null) {
          page.tensor = Tensor.allocate(
            this.#operations.backend,
            [rowPageSlots, this.#hiddenSize],
            this.dtype,
            'context',
          );
          added.push(page);
          this.#tensors = null;
          this.#pages[number] = page;
        }
        missing -= rowPageSlots - page.used;
      }
    } catch (error) {
      for (const page of added) this.#drop(page);
      this.#trim();
      throw error;
    }
  }

  #drop(page: StatePage): void {
    page.tensor?.dispose();
    page.tensor = null;
    this.#tensors = null;
  }

  /** Forgets pages at the end that nobody uses. */
  #trim(): void {
    while (this.#pages.at(-1)?.used === 0) this.#pages.pop();
  }

  #rowOf(slot: number): { uses: Int32Array; row: number } {
    return { uses: (this.#pages[Math.floor(slot / rowPageSlots)] as StatePage).uses, row: slot % rowPageSlots };
  }
}
