/**
 * Keys and values by id (DESIGN §3.3): x is linear in the ids up to 1/rms, so a layer needs one row per (offset, id),
 *
 *     K_j[t] = W_K (g ⊙ M_j E[t]),   V_j[t] = W_V (g ⊙ M_j E[t]),   M_0 = I,
 *
 * each computed when its id is first seen. An id takes one slot of w rows; rows never move. Slots are counted by the
 * positions that use them; unused ones are given up first-unused-first when the budget asks for it, and come back from
 * the ids. Learned positions add rows W_K (g ⊙ Σ_j M_j P[p−j]) per position, kept from the start on.
 *
 * This file keeps the books, in time linear in the ids of a change; table-rows.ts computes the rows.
 */

import type { PagedRows } from '../backend/context-view.ts';
import { BudgetExceededError } from '../errors/errors.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { ContextDType } from './context-mode.ts';
import type { ContextSource } from './context-source.ts';
import { pageCount, rowPageSlots } from './page-sizes.ts';
import { TableRows } from './table-rows.ts';

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

/** The distinct ids of a change. */
interface Wanted {
  /** Those without rows. */
  readonly unseen: readonly number[];
  /** Those with rows that nobody uses. */
  readonly idle: readonly number[];
}

/** How the slots of a change are found. */
interface Room {
  /** Ids whose rows are to be computed. */
  readonly ids: readonly number[];
  /** Slots that stay; those behind them are given up with their pages. */
  readonly kept: number;
  /** Slots added behind them. */
  readonly fresh: number;
  /** Slots among those kept that are given up to be used again. */
  readonly evicted: readonly number[];
  /** Position rows afterwards. */
  readonly positions: number;
}

const maxRound = 2 ** 31 - 1;

export class ContextTable {
  readonly dtype: ContextDType;
  readonly #budget: number;
  readonly #rows: TableRows;
  readonly #slotOf: Int32Array;
  /** -1: the slot has no rows and waits in `#vacant`. */
  readonly #idOf: number[] = [];
  readonly #uses: number[] = [];
  /** Slots with rows that nobody uses, in the order they became so. */
  readonly #unused = new Set<number>();
  /** Slots without rows. */
  #vacant: number[] = [];
  /** The last round that asked for an id: tells the distinct ids of a change apart. */
  readonly #askedIn: Int32Array;
  #round = 0;
  readonly #users = new Set<TableUser>();
  /** To be called once the rows are gone; null until the table is retired. */
  #onAbandoned: (() => void) | null = null;

  constructor(model: ContextSource, dtype: ContextDType, budget: number) {
    this.dtype = dtype;
    this.#budget = budget;
    this.#rows = new TableRows(model, dtype);
    this.#slotOf = new Int32Array(model.config.vocabSize).fill(-1);
    this.#askedIn = new Int32Array(model.config.vocabSize);
  }

  /** Bytes of all row pages. */
  get byteLength(): number {
    return this.#rows.byteLength;
  }

  /** Slots taken, used or not. */
  get slotCount(): number {
    return this.#idOf.length;
  }

  /** Positions that have position rows; 0 unless positions are learned. */
  get positionCount(): number {
    return this.#rows.positionCount;
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

  /** No new contexts will come: the rows go when the last present one has left, and `onAbandoned` hears of it. */
  retire(onAbandoned: () => void): void {
    this.#onAbandoned = onAbandoned;
    this.#disposeIfAbandoned();
  }

  /**
   * Slots of `ids`, each counted as used once per occurrence; rows of ids not seen before are computed, and so are
   * position rows [0, positions) where positions are learned. Where the budget has no room for all that, what nobody
   * uses is given up: position rows, then slots, first-unused-first. Throws BudgetExceededError with nothing changed, and
   * OutOfMemoryError with nothing changed but rows that nobody uses.
   */
  acquire(ids: Int32Array, positions = 0): Int32Array {
    const room = this.#findRoom(this.#wanted(ids), positions);
    this.#giveUp(room);
    const slots = this.#takeRows(room);
    room.ids.forEach((id, order) => {
      const slot = slots[order] as number;
      this.#slotOf[id] = slot;
      this.#idOf[slot] = id;
      this.#uses[slot] = 0;
      this.#unused.add(slot);
    });
    return this.reuse(ids);
  }

  /** Slots of `ids` that have rows already, each counted as used once more per occurrence. */
  reuse(ids: Int32Array): Int32Array {
    const slots = new Int32Array(ids.length);
    for (let place = 0; place < ids.length; place += 1) {
      const slot = this.#slotOf[ids[place] as number] as number;
      const uses = this.#uses[slot] as number;
      if (uses === 0) this.#unused.delete(slot);
      this.#uses[slot] = uses + 1;
      slots[place] = slot;
    }
    return slots;
  }

  /** Slots of ids that have rows, not counted as used; −1 for −1. */
  slotsOf(ids: Int32Array): Int32Array {
    return ids.map((id) => (id < 0 ? -1 : (this.#slotOf[id] as number)));
  }

  /** x of positions by the ids and slots (−1 before the start) of them and of the w−1 before: see TableRows. */
  initialStates(ids: Tensor, slots: Tensor, start: number, count: number): Tensor {
    return this.#rows.initialStates(ids, slots, start, count);
  }

  /** Gives back one use per occurrence. */
  release(ids: Int32Array): void {
    for (let place = 0; place < ids.length; place += 1) {
      const slot = this.#slotOf[ids[place] as number] as number;
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
    if (suspect) for (const slot of [...this.#unused]) this.#vacate(slot);
    this.shrink(suspect ? 0 : mark.slots);
    this.shrinkPositions(Math.max(this.#usedPositions(), suspect ? 0 : mark.positions));
  }

  /** Gives up slots that nobody uses, from the end down to `count` of them, with their pages. */
  shrink(count: number): void {
    const before = this.slotCount;
    while (this.slotCount > count && this.#uses[this.slotCount - 1] === 0) {
      const id = this.#idOf.pop() as number;
      this.#uses.pop();
      this.#unused.delete(this.slotCount);
      if (id >= 0) this.#slotOf[id] = -1;
    }
    if (this.slotCount < before) this.#vacant = this.#vacant.filter((slot) => slot < this.slotCount);
    this.#rows.truncateSlots(this.slotCount);
  }

  /** Gives up position rows from `length` on; no context may use them. */
  shrinkPositions(length: number): void {
    this.#rows.truncatePositions(length);
  }

  /** The rows of a layer as attention reads them. */
  rows(layer: number): PagedRows {
    return this.#rows.rows(layer);
  }

  positionRows(layer: number): PagedRows | null {
    return this.#rows.positionRows(layer);
  }

  #wanted(ids: Int32Array): Wanted {
    if (this.#round === maxRound) {
      this.#askedIn.fill(0);
      this.#round = 0;
    }
    this.#round += 1;
    const [unseen, idle]: [number[], number[]] = [[], []];
    for (let place = 0; place < ids.length; place += 1) {
      const id = ids[place] as number;
      if (this.#askedIn[id] === this.#round) continue;
      this.#askedIn[id] = this.#round;
      const slot = this.#slotOf[id] as number;
      if (slot === -1) unseen.push(id);
      else if (this.#uses[slot] === 0) idle.push(id);
    }
    return { unseen, idle };
  }

  /** Room without giving anything up, else by giving up what nobody uses. Throws BudgetExceededError. */
  #findRoom({ unseen, idle }: Wanted, positions: number): Room {
    const before = this.slotCount;
    const added = Math.max(0, unseen.length - this.#vacant.length);
    const learned = this.#rows.positionPageBytes > 0;
    const grown = learned ? Math.max(this.positionCount, positions) : 0;
    if ((added === 0 && grown === this.positionCount) || this.#bytesFor(before + added, grown) <= this.#budget) {
      return { ids: unseen, kept: before, fresh: added, evicted: [], positions: grown };
    }
    const needed = learned ? Math.max(this.#usedPositions(), positions) : 0;
    this.#expectWithinBudget(unseen.length + idle.length, needed);
    // Idle rows of the change's own ids stay where that leaves room enough; otherwise they are computed again.
    return (
      this.#roomWithin(unseen, needed, new Set(idle)) ??
      (this.#roomWithin([...unseen, ...idle], needed, new Set()) as Room)
    );
  }

  /** Room within the budget by giving up unused slots, those of `ids` first, none of `spared`; null if they are too few. */
  #roomWithin(ids: readonly number[], positions: number, spared: ReadonlySet<number>): Room | null {
    const dispensable = (slot: number) => !spared.has(this.#idOf[slot] as number);
    const capacity = this.#slotsAffordable(positions);
    let kept = this.slotCount; // the last slot in use is below the capacity: that much is known to fit
    while (kept > capacity && dispensable(kept - 1)) kept -= 1;
    if (kept > capacity) return null;
    const stays = (slot: number) => slot !== -1 && slot < kept;
    const evicted = new Set(ids.map((id) => this.#slotOf[id] as number).filter(stays));
    const empty = this.#vacant.filter(stays).length + evicted.size;
    const fresh = Math.max(0, Math.min(ids.length - empty, capacity - kept));
    const missing = ids.length - empty - fresh;
    const enough = evicted.size + Math.max(0, missing);
    for (const slot of this.#unused) {
      if (evicted.size >= enough) break;
      if (stays(slot) && dispensable(slot)) evicted.add(slot);
    }
    return evicted.size < enough ? null : { ids, kept, fresh, evicted: [...evicted], positions };
  }

  /** Throws BudgetExceededError unless `count` more ids and `positions` fit when everything unused is given up. */
  #expectWithinBudget(count: number, positions: number): void {
    const used = this.slotCount - this.#unused.size - this.#vacant.length;
    let bottom = this.slotCount;
    while (bottom > 0 && this.#uses[bottom - 1] === 0) bottom -= 1;
    const slots = Math.max(bottom, used + count);
    const bytes = this.#bytesFor(slots, positions);
    if (bytes <= this.#budget) return;
    throw new BudgetExceededError({
      what: 'The table would exceed its budget.',
      got: `${bytes} bytes for ${used + count} ids${positions > 0 ? ` and ${positions} positions` : ''}`,
      expected: `at most ${this.#budget} bytes`,
      fix: 'raise tableBudget, dispose of other sessions, or use context mode "states" or "ids"',
      requiredBytes: bytes,
      budgetBytes: this.#budget,
    });
  }

  #giveUp({ kept, evicted, positions }: Room): void {
    this.shrink(kept);
    for (const slot of evicted) this.#vacate(slot);
    if (positions < this.positionCount) this.shrinkPositions(positions);
  }

  /** Takes pages and computes rows: slots of `ids`, vacant ones first. */
  #takeRows({ ids, kept, fresh, positions }: Room): readonly number[] {
    const before = this.positionCount;
    const reused = ids.length - fresh;
    const slots = this.#vacant.slice(0, reused).sort((a, b) => a - b);
    for (let slot = kept; slot < kept + fresh; slot += 1) slots.push(slot);
    try {
      this.#rows.grow(kept + fresh, positions);
      this.#rows.fill(ids, slots);
      this.#rows.fillPositions(before, positions);
    } catch (error) {
      this.#rows.truncateSlots(kept);
      this.#rows.truncatePositions(before);
      throw error;
    }
    this.#vacant.splice(0, reused);
    return slots;
  }

  /** Gives up the rows of an unused slot. */
  #vacate(slot: number): void {
    this.#slotOf[this.#idOf[slot] as number] = -1;
    this.#idOf[slot] = -1;
    this.#unused.delete(slot);
    this.#vacant.push(slot);
  }

  /** Positions of the longest context that uses the table. */
  #usedPositions(): number {
    let most = 0;
    for (const { length } of this.#users) most = Math.max(most, length);
    return most;
  }

  #bytesFor(slots: number, positions: number): number {
    const { slotPageBytes, positionPageBytes } = this.#rows;
    return pageCount(slots, rowPageSlots) * slotPageBytes + pageCount(positions, rowPageSlots) * positionPageBytes;
  }

  /** Slots that the budget has room for beside `positions` position rows. */
  #slotsAffordable(positions: number): number {
    return Math.floor((this.#budget - this.#bytesFor(0, positions)) / this.#rows.slotPageBytes) * rowPageSlots;
  }

  #disposeIfAbandoned(): void {
    if (this.#onAbandoned === null || this.#users.size > 0) return;
    this.#rows.dispose();
    this.#onAbandoned();
  }
}
