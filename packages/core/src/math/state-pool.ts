/**
 * Context states x̂ in rows that never move, shared by a context and its forks and counted by the positions that use
 * them; rows given back are used again first.
 */

import type { Tensor } from '../tensor/tensor.ts';
import type { ContextDType } from './context-mode.ts';
import type { ContextModel } from './context-model.ts';
import { consecutive } from './initial-state.ts';
import { rowPageSlots } from './page-sizes.ts';
import { PagedArray } from './paged-array.ts';

export class StatePool {
  readonly dtype: ContextDType;
  readonly rowsPerPage = rowPageSlots;
  readonly #rows: PagedArray;
  readonly #uses: number[] = [];
  /** Rows given back, to be used again. */
  #free: number[] = [];
  #users = 0;

  constructor(model: ContextModel, dtype: ContextDType) {
    this.dtype = dtype;
    this.#rows = new PagedArray(model.operations, {
      dtype,
      rowShape: [model.config.hiddenSize],
      pageLength: rowPageSlots,
      purpose: 'context',
    });
  }

  get byteLength(): number {
    return this.#rows.byteLength;
  }

  /** The rows, in pages of `rowsPerPage`, each [rowsPerPage, D]. */
  get pages(): readonly Tensor[] {
    return this.#rows.pages;
  }

  join(): void {
    this.#users += 1;
  }

  leave(): void {
    this.#users -= 1;
    if (this.#users === 0) this.#rows.dispose();
  }

  /** `count` rows, each used once, contents undefined. Throws OutOfMemoryError with nothing changed. */
  acquire(count: number): Int32Array {
    const reused = Math.min(count, this.#free.length);
    const before = this.#uses.length;
    this.#rows.grow(before + count - reused);
    const slots = Int32Array.from([
      ...this.#free.splice(this.#free.length - reused),
      ...consecutive(before, count - reused),
    ]);
    for (const slot of slots) this.#uses[slot] = 1;
    return slots;
  }

  /** Counts one more use of each row. */
  reuse(slots: Int32Array): void {
    for (const slot of slots) this.#uses[slot] = (this.#uses[slot] as number) + 1;
  }

  /** Gives back one use of each row, and the pages at the end that nobody uses any more. */
  release(slots: Int32Array): void {
    for (const slot of slots) {
      const uses = (this.#uses[slot] as number) - 1;
      this.#uses[slot] = uses;
      if (uses === 0) this.#free.push(slot);
    }
    const before = this.#uses.length;
    while (this.#uses.at(-1) === 0) this.#uses.pop();
    const length = this.#uses.length;
    if (length === before) return;
    this.#free = this.#free.filter((slot) => slot < length);
    this.#rows.truncate(length);
  }

  /** Writes x̂ [n, D], in the pool's dtype, to the rows `slots`, a run of neighbours at a time. */
  write(slots: Int32Array, states: Tensor): void {
    for (let start = 0; start < slots.length; ) {
      const slot = slots[start] as number;
      let run = 1;
      while (start + run < slots.length && slots[start + run] === slot + run) run += 1;
      using rows = states.slice(start, run);
      this.#rows.write(slot, rows);
      start += run;
    }
  }
}
