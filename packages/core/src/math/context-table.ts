/**
 * Keys and values by id (DESIGN §3.3): x is linear in the ids up to 1/rms, so a layer needs one row per (offset, id),
 *
 *     K_j[t] = W_K (g ⊙ M_j E[t]),   V_j[t] = W_V (g ⊙ M_j E[t]),   M_0 = I,
 *
 * each computed when its id is first seen. An id takes one slot of w rows; rows never move. Slots are counted by the
 * positions that use them; unused ones are given up first-unused-first when the budget asks for it, and come back from
 * the ids. Learned positions add rows W_K (g ⊙ Σ_j M_j P[p−j]) per position, kept from the start on.
 */

import type { PagedRows } from '../backend/context-view.ts';
import { BudgetExceededError } from '../errors/errors.ts';
import type { IndexTensor } from '../operations/index-tensor.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ContextDType } from './context-mode.ts';
import { type ContextSource, projectKeysAndValues } from './context-source.ts';
import { consecutive, createIdWindow, mixWindow, windowTerm } from './initial-state.ts';
import { KeyValueRows } from './key-value-rows.ts';
import { pageCount, rowPageSlots } from './page-sizes.ts';
import type { PagedArray } from './paged-array.ts';

/** A context that uses the table. */
export interface TableUser {
  /** Positions it has. */
  readonly length: number;
}

/** What a table held at one moment. */
export interface TableMark {
  readonly slots: number;
  readonly positions: number;
}

/** Ids or positions projected at a time: bounds the scratch of filling. */
const fillBlock = 256;

export class ContextTable {
  readonly dtype: ContextDType;
  readonly #model: ContextSource;
  readonly #budget: number;
  readonly #rows: ReadonlyMap<number, KeyValueRows>;
  readonly #positionRows: ReadonlyMap<number, KeyValueRows> | null;
  readonly #slotOf: Int32Array;
  /** -1: the slot was given up and waits in `#unused`. */
  readonly #idOf: number[] = [];
  readonly #uses: number[] = [];
  /** Slots nobody uses, in the order they became so; their rows are still valid. */
  readonly #unused = new Set<number>();
  readonly #users = new Set<TableUser>();
  #retired = false;

  constructor(model: ContextSource, dtype: ContextDType, budget: number) {
    this.dtype = dtype;
    this.#model = model;
    this.#budget = budget;
    const { initialStateWindow: window, vocabSize } = model.config;
    this.#slotOf = new Int32Array(vocabSize).fill(-1);
    this.#rows = this.#makeRows(rowPageSlots * window);
    this.#positionRows = model.weights.positions === null ? null : this.#makeRows(rowPageSlots);
  }

  /** Bytes of all row pages. */
  get byteLength(): number {
    const bytesOf = (rows: ReadonlyMap<number, KeyValueRows> | null) =>
      [...(rows?.values() ?? [])].reduce((bytes, { byteLength }) => bytes + byteLength, 0);
    return bytesOf(this.#rows) + bytesOf(this.#positionRows);
  }

  /** Slots taken, used or not. */
  get slotCount(): number {
    return this.#idOf.length;
  }

  /** How many of `ids` have rows already. */
  countSeen(ids: Iterable<number>): number {
    let seen = 0;
    for (const id of ids) if (this.#slotOf[id] !== -1) seen += 1;
    return seen;
  }

  /** Registers a context; `leave` when it is disposed of. */
  join(user: TableUser): void {
    this.#users.add(user);
  }

  leave(user: TableUser): void {
    this.#users.delete(user);
    this.#disposeIfAbandoned();
  }

  /** No new contexts will come: the rows go when the last present one has left. */
  retire(): void {
    this.#retired = true;
    this.#disposeIfAbandoned();
  }

  /**
   * Slots of `ids`, each counted as used once per occurrence; rows of ids not seen before are computed.
   * Throws BudgetExceededError or OutOfMemoryError with nothing changed.
   */
  acquire(ids: Int32Array): Int32Array {
    const unseen = [...new Set(ids)].filter((id) => this.#slotOf[id] === -1);
    const slots = this.#takeSlots(unseen.length, new Set(ids));
    try {
      this.#fill(unseen, slots);
    } catch (error) {
      this.#truncateRows();
      throw error;
    }
    unseen.forEach((id, order) => {
      const slot = slots[order] as number;
      this.#unused.delete(slot);
      this.#slotOf[id] = slot;
      this.#idOf[slot] = id;
      this.#uses[slot] = 0;
    });
    return this.reuse(ids);
  }

  /** Slots of `ids` that have rows already, each counted as used once more per occurrence. */
  reuse(ids: Int32Array): Int32Array {
    return ids.map((id) => {
      const slot = this.#slotOf[id] as number;
      this.#uses[slot] = (this.#uses[slot] as number) + 1;
      this.#unused.delete(slot);
      return slot;
    });
  }

  /** Gives back one use per occurrence. */
  release(ids: Int32Array): void {
    for (const id of ids) {
      const slot = this.#slotOf[id] as number;
      const uses = (this.#uses[slot] as number) - 1;
      this.#uses[slot] = uses;
      if (uses === 0) this.#unused.add(slot);
    }
  }

  mark(): TableMark {
    return { slots: this.slotCount, positions: this.positionCount };
  }

  /**
   * Gives up what work that failed or was cancelled has left: unused rows that came after `mark`. With `suspect`, all
   * unused rows: the device has reported late that something could not be computed.
   */
  rollBack(mark: TableMark, suspect: boolean): void {
    if (suspect) {
      for (const slot of this.#unused) {
        const id = this.#idOf[slot] as number;
        if (id >= 0) this.#slotOf[id] = -1;
        this.#idOf[slot] = -1;
      }
    }
    this.shrink(suspect ? 0 : mark.slots);
    const used = [...this.#users].reduce((most, { length }) => Math.max(most, length), 0);
    this.shrinkPositions(Math.max(used, suspect ? 0 : mark.positions));
  }

  /** Gives up slots that nobody uses, from the end down to `count` of them, with their pages. */
  shrink(count: number): void {
    while (this.slotCount > count && this.#unused.has(this.slotCount - 1)) {
      this.#unused.delete(this.slotCount - 1);
      const id = this.#idOf.pop() as number;
      this.#uses.pop();
      if (id >= 0) this.#slotOf[id] = -1;
    }
    this.#truncateRows();
  }

  /** Positions that have position rows; 0 unless positions are learned. */
  get positionCount(): number {
    const [first] = this.#positionRows?.values() ?? [];
    return first?.length ?? 0;
  }

  /** Gives up position rows from `length` on; no context may use them. */
  shrinkPositions(length: number): void {
    for (const rows of this.#positionRows?.values() ?? []) rows.truncate(length);
  }

  /** Sees to it that positions [0, length) have position rows (learned positions only). */
  growPositions(length: number): void {
    if (this.#positionRows === null) return;
    const start = this.positionCount;
    if (length <= start) return;
    try {
      for (const rows of this.#positionRows.values()) rows.grow(length);
      for (let from = start; from < length; from += fillBlock) {
        this.#fillPositions(this.#positionRows, from, Math.min(length, from + fillBlock));
      }
    } catch (error) {
      this.shrinkPositions(start);
      throw error;
    }
  }

  /** The rows of a layer as attention reads them. */
  rows(layer: number): PagedRows {
    return (this.#rows.get(layer) as KeyValueRows).paged;
  }

  positionRows(layer: number): PagedRows | null {
    return this.#positionRows?.get(layer)?.paged ?? null;
  }

  #makeRows(pageLength: number): ReadonlyMap<number, KeyValueRows> {
    const { config, operations, inattentionLayers } = this.#model;
    const rowShape = [config.numKeyValueHeads, config.headDim];
    const options = { dtype: this.dtype, rowShape, pageLength, purpose: 'table' } as const;
    return new Map(inattentionLayers.map((layer) => [layer, KeyValueRows.create(operations, options)]));
  }

  /** Slots for `count` new ids: unused ones where the budget leaves no other, else new pages. */
  #takeSlots(count: number, wanted: ReadonlySet<number>): number[] {
    const before = this.slotCount;
    const window = this.#model.config.initialStateWindow;
    const pageBytes = this.#slotPageBytes();
    const present = pageCount(before, rowPageSlots);
    const otherBytes = this.byteLength - present * pageBytes;
    const affordable = Math.max(present, Math.floor((this.#budget - otherBytes) / pageBytes));
    const fresh = Math.min(count, affordable * rowPageSlots - before);
    const evictable = [...this.#unused].filter((slot) => !wanted.has(this.#idOf[slot] as number));
    if (fresh + evictable.length < count) {
      const pages = pageCount(before + count - evictable.length, rowPageSlots);
      throw new BudgetExceededError({
        what: 'The table would exceed its budget.',
        got: `${pages * pageBytes + otherBytes} bytes for ${before + count - evictable.length} ids`,
        expected: `at most ${this.#budget} bytes`,
        fix: 'raise tableBudget, dispose of other sessions, or use context mode "states" or "ids"',
        requiredBytes: pages * pageBytes + otherBytes,
        budgetBytes: this.#budget,
      });
    }
    try {
      for (const rows of this.#rows.values()) rows.grow((before + fresh) * window);
    } catch (error) {
      this.#truncateRows();
      throw error;
    }
    const evicted = evictable.slice(0, count - fresh);
    for (const slot of evicted) {
      const id = this.#idOf[slot] as number;
      if (id >= 0) this.#slotOf[id] = -1;
      this.#idOf[slot] = -1;
    }
    return [...evicted, ...consecutive(before, fresh)];
  }

  /** Gives back pages beyond the slots in the books. */
  #truncateRows(): void {
    const length = this.slotCount * this.#model.config.initialStateWindow;
    for (const rows of this.#rows.values()) rows.truncate(length);
  }

  #slotPageBytes(): number {
    const { config, inattentionLayers } = this.#model;
    const rowBytes = config.numKeyValueHeads * config.headDim * (this.dtype === 'f16' ? 2 : 4);
    return 2 * inattentionLayers.length * rowBytes * rowPageSlots * config.initialStateWindow;
  }

  #fill(ids: readonly number[], slots: readonly number[]): void {
    const { operations, weights, config, inattentionLayers, work } = this.#model;
    const window = config.initialStateWindow;
    for (let start = 0; start < ids.length; start += fillBlock) {
      const block = ids.slice(start, start + fillBlock);
      operations.scope(() => {
        using index = operations.index(block);
        const embedded = operations.embed(weights.embedding, index); // [n, D]
        for (let offset = 0; offset < window; offset += 1) {
          const term = windowTerm(operations, weights, embedded, offset);
          for (const layer of inattentionLayers) {
            const { keys, values } = this.#rows.get(layer) as KeyValueRows;
            const projected = this.#project(layer, term);
            this.#store(keys, projected.keys, slots.slice(start, start + fillBlock), offset);
            this.#store(values, projected.values, slots.slice(start, start + fillBlock), offset);
            work.tableRows += block.length;
          }
        }
      });
    }
  }

  #fillPositions(positionRows: ReadonlyMap<number, KeyValueRows>, from: number, to: number): void {
    const { operations, weights, config, inattentionLayers } = this.#model;
    const table = weights.positions as Tensor;
    operations.scope(() => {
      const nothing = { length: to, at: () => -1 };
      const window = createIdWindow(operations.backend, nothing, consecutive(from, to - from), config);
      try {
        const embedded = (window.positions as readonly IndexTensor[]).map((rows) => operations.embed(table, rows));
        const state = mixWindow(operations, weights, embedded); // [n, D]
        for (const layer of inattentionLayers) {
          const projected = this.#project(layer, state);
          positionRows.get(layer)?.write(from, projected.keys, projected.values);
        }
      } finally {
        window.dispose();
      }
    });
  }

  /** Keys and values of g ⊙ term, in the table's dtype. */
  #project(layer: number, term: Tensor): { keys: Tensor; values: Tensor } {
    const { operations, weights, config } = this.#model;
    const parameters = weights.layers[layer] as (typeof weights.layers)[number];
    return operations.scope(() => {
      const inputs = operations.multiply(term, parameters.norm);
      const { keys, values } = projectKeysAndValues(operations, parameters, inputs, config);
      return this.dtype === 'f32'
        ? { keys, values }
        : { keys: operations.cast(keys, 'f16'), values: operations.cast(values, 'f16') };
    });
  }

  /** Writes row r of `source` to row slots[r] · w + offset, a run of neighbouring slots at a time. */
  #store(target: PagedArray, source: Tensor, slots: readonly number[], offset: number): void {
    const window = this.#model.config.initialStateWindow;
    const rowSize = this.#model.config.numKeyValueHeads * this.#model.config.headDim;
    for (let start = 0; start < slots.length; ) {
      const slot = slots[start] as number;
      let run = 1;
      while (slots[start + run] === slot + run && (slot + run) % rowPageSlots !== 0) run += 1;
      this.#model.operations.backend.primitives.copyBlock({
        input: source,
        inputOffset: start * rowSize,
        inputStride: rowSize,
        out: target.pages[Math.floor(slot / rowPageSlots)] as Tensor,
        outOffset: ((slot % rowPageSlots) * window + offset) * rowSize,
        outStride: window * rowSize,
        outer: run,
        length: rowSize,
      });
      start += run;
    }
  }

  #disposeIfAbandoned(): void {
    if (!this.#retired || this.#users.size > 0) return;
    for (const rows of [this.#rows, this.#positionRows]) {
      for (const layer of rows?.values() ?? []) layer.dispose();
    }
  }
}
