/** The table's life: rows are counted, given up first-unused-first under a budget, and come back from the ids. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withFaults } from '../../test/faults.ts';
import { smallContextModel } from '../../test/small-context-model.ts';
import type { Backend } from '../backend/backend.ts';
import type { RowPage } from '../backend/context-view.ts';
import { BudgetExceededError, OutOfMemoryError } from '../errors/errors.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { Context } from './context.ts';
import type { ContextTable, TableUser } from './context-table.ts';
import { consecutive } from './initial-state.ts';

/** Bytes of a page of 256 rows: keys and values of 4 f32 in one layer. */
const pageBytes = 2 * 4 * 4 * 256;

const wide = { vocabSize: 3000 } as const;
const learned = { ...wide, positionEmbeddingType: 'learned', maxPositionEmbeddings: 3000 } as const;

const from = (first: number, count: number) => consecutive(first, count);

/** Keys of the row in `slot` of layer 0, w = 1. */
async function keysOf(backend: Backend, table: ContextTable, slot: number): Promise<number[]> {
  const { pages, rowsPerPage } = table.rows(0);
  const { buffer, byteOffset } = (pages[Math.floor(slot / rowsPerPage)] as RowPage).keys;
  const bytes = await backend.read(buffer, byteOffset + (slot % rowsPerPage) * 16, 16);
  return [...new Float32Array(bytes)];
}

/** A table whose user has as many positions as `user.length` says. */
function makeTable(changes = {}, options: Parameters<typeof smallContextModel>[1] = {}) {
  const made = smallContextModel({ ...wide, ...changes }, options);
  const user = { length: 0 } satisfies TableUser;
  const table = made.model.table('f32');
  table.join(user);
  return { ...made, table, user };
}

function errorOf(work: () => unknown): unknown {
  try {
    work();
  } catch (error) {
    return error;
  }
  return undefined;
}

describe('rows', () => {
  it('are computed once, whoever asks, and stay when nobody uses them', () => {
    const { model, table, backend } = makeTable({ initialStateWindow: 3, numHiddenLayers: 1 });
    const slots = table.acquire(Int32Array.of(7, 5, 7, 9));
    expect([...slots]).toEqual([0, 1, 0, 2]);
    expect(model.work.tableRows).toBe(3 * 3);
    expect([...table.acquire(Int32Array.of(9, 5, 6))]).toEqual([2, 1, 3]);
    table.release(Int32Array.of(7, 5, 7, 9, 9, 5, 6));
    expect(table.slotCount).toBe(4);
    expect(table.countSeen([5, 6, 7, 8, 9])).toBe(4);
    expect([...table.acquire(Int32Array.of(6, 7))]).toEqual([3, 0]);
    expect(model.work.tableRows).toBe(3 * 4);
    expect(backend.ledger.live('table')).toBe(3 * pageBytes + 2 * 4 * 4 * 256); // rows, and M_1 E and M_2 E
  });

  it('are given up first-unused-first under a budget, never those in use, and come back from the ids', async () => {
    const { table, backend } = makeTable({}, { tableBudget: 2 * pageBytes + 100 });
    const first = table.acquire(from(0, 512));
    const kept = await keysOf(backend, table, first[300] as number);
    table.release(from(300, 50));
    table.release(from(0, 20));
    expect([...table.acquire(from(600, 60))]).toEqual([...first.slice(0, 10), ...first.slice(300, 350)]);
    expect([table.countSeen(from(300, 50)), table.countSeen(from(0, 20))]).toEqual([0, 10]);
    table.release(from(600, 60));
    expect([...table.reuse(from(20, 280))]).toEqual([...first.slice(20, 300)]);
    const again = table.acquire(Int32Array.of(300));
    expect(again[0]).toBe(first[10]); // the longest unused
    expect(await keysOf(backend, table, again[0] as number)).toEqual(kept);
    expect(backend.ledger.live('table')).toBe(2 * pageBytes);
  });

  it('that a change asks for stay for it, or are computed again where only that makes room', () => {
    const { table } = makeTable(learned, { tableBudget: 3 * pageBytes });
    const first = table.acquire(from(0, 512));
    table.release(from(0, 512));
    // 0 … 2 have been unused longest, and are asked for again.
    expect([...table.acquire(Int32Array.from([2, 1, 0, ...from(600, 4)]))].slice(0, 3)).toEqual([2, 1, 0]);
    expect(table.countSeen(from(0, 512))).toBe(512); // a page more was within the budget
    table.release(Int32Array.from([2, 1, 0, ...from(600, 4)]));
    // Two pages of positions leave one of slots; these ids are in the second and third.
    const wanted = Int32Array.from([...from(400, 100), ...from(600, 4), ...from(700, 100)]);
    const slots = table.acquire(wanted, 400);
    expect(Math.max(...slots)).toBeLessThan(256);
    expect(new Set(slots).size).toBe(204);
    expect(table.byteLength).toBe(3 * pageBytes);
    expect(first).toHaveLength(512);
  });

  it('without an owner are used before new pages are', () => {
    const { table } = makeTable();
    table.acquire(from(0, 100));
    table.release(from(10, 30));
    table.rollBack({ slots: 100, positions: 0 }, true);
    expect(table.countSeen(from(0, 100))).toBe(70);
    expect([...table.acquire(from(200, 40))]).toEqual([...from(10, 30), ...from(100, 10)]);
  });
});

describe('a budget with learned positions', () => {
  it.each([
    ['position rows', Int32Array.from({ length: 300 }, (_, i) => i % 5), 3],
    ['slots and position rows', from(0, 300), 4],
  ])('refuses the whole change when %s exceed it', (_, ids, needed) => {
    const { backend, model } = smallContextModel(learned, { tableBudget: 2 * pageBytes });
    const context = new Context(model, { mode: 'tables' });
    context.append(Int32Array.of(1, 2));
    const table = model.table('f32');
    const before = backend.ledger.snapshot().live;
    const marks = [table.mark(), context.ids.slice()];
    for (const change of [
      () => context.append(ids),
      () => context.replace(1, 1, ids),
      () => context.replace(0, 0, ids),
    ]) {
      const error = errorOf(change);
      expect(error).toBeInstanceOf(BudgetExceededError);
      expect(error).toMatchObject({ requiredBytes: needed * pageBytes, budgetBytes: 2 * pageBytes });
      expect(String(error)).toContain(`${needed * pageBytes} bytes`);
      expect(backend.ledger.snapshot().live).toEqual(before);
      expect([table.mark(), context.ids.slice()]).toEqual(marks);
      expect(table.countSeen(from(0, 300))).toBe(2);
    }
  });

  it('is kept by giving up unused slots, position rows nobody uses, and pages of unused slots at the end', () => {
    const { model, table } = makeTable(learned, { tableBudget: 3 * pageBytes });
    const first = new Context(model, { mode: 'tables' });
    first.append(from(0, 256));
    first.dispose();
    expect(table.byteLength).toBe(2 * pageBytes);
    // Two pages of positions: the new id takes the slot of an old one.
    const second = new Context(model, { mode: 'tables' });
    second.append(new Int32Array(300).fill(1000));
    expect([table.byteLength, table.positionCount, table.slotCount]).toEqual([3 * pageBytes, 300, 256]);
    expect([...from(0, 3)].map((id) => table.countSeen([id]))).toEqual([0, 1, 1]);
    second.dispose();
    // Two pages of slots: the position rows beyond the first page go.
    const third = new Context(model, { mode: 'tables' });
    third.append(from(1000, 256));
    expect([table.byteLength, table.positionCount, table.slotCount]).toEqual([3 * pageBytes, 256, 511]);
    // Two pages of positions again: the page of slots at the end goes.
    third.replace(0, 256, new Int32Array(0));
    third.append(new Int32Array(300).fill(1));
    expect([table.byteLength, table.positionCount, table.slotCount]).toEqual([3 * pageBytes, 300, 256]);
    third.dispose();
  });

  it('names what is needed: slots in use cannot move', () => {
    const { table, user } = makeTable(learned, { tableBudget: 3 * pageBytes });
    user.length = 10;
    table.acquire(from(0, 300), 10);
    table.release(from(0, 290)); // ten left, in the second page
    const error = errorOf(() => table.acquire(from(500, 5), 300));
    expect(error).toMatchObject({
      requiredBytes: 4 * pageBytes,
      got: `${4 * pageBytes} bytes for 15 ids and 300 positions`,
    });
    expect(table.countSeen(from(0, 300))).toBe(300);
    table.release(from(290, 10));
    expect(table.acquire(from(500, 5), 300)).toHaveLength(5);
    expect(table.byteLength).toBe(3 * pageBytes);
  });
});

describe('versions', () => {
  it('start empty; rows of an old one stay until its last context has gone', () => {
    const { backend, model } = smallContextModel(wide);
    const [first, second] = [new Context(model, { mode: 'tables' }), new Context(model, { mode: 'tables' })];
    first.append(from(0, 300));
    second.append(from(0, 10));
    model.invalidate();
    expect(backend.ledger.live('table')).toBe(2 * pageBytes);
    expect(second.refresh()).toBe(true);
    expect([model.table('f32').slotCount, backend.ledger.live('table')]).toEqual([10, 3 * pageBytes]);
    first.dispose();
    expect(backend.ledger.live('table')).toBe(pageBytes);
    second.dispose();
    model.dispose();
    expect(backend.ledger.live('table')).toBe(0);
  });
});

describe('failures', () => {
  it.each([Number.POSITIVE_INFINITY, 3 * pageBytes])(
    'at any call, with a budget of %f, leave the rows in use and no bytes more',
    async (tableBudget) => {
      const faulty = withFaults(createHostBackend());
      const { table, backend, user } = makeTable(learned, { tableBudget, backend: faulty.backend });
      user.length = 40;
      const used = table.acquire(from(0, 40), 40);
      const keys = await keysOf(backend, table, used[30] as number);
      const change = () => table.acquire(from(30, 400), 200);
      let failures = 0;
      for (; ; failures += 1) {
        const before = backend.ledger.snapshot().live;
        faulty.failAt(failures + 1);
        const error = errorOf(change);
        faulty.failAt(0);
        if (error === undefined) break;
        expect(error).toBeInstanceOf(OutOfMemoryError);
        expect(backend.ledger.snapshot().live).toEqual(before);
        expect(table.mark()).toEqual({ slots: 40, positions: 40 });
        expect([...table.acquire(from(0, 40))]).toEqual([...used]);
        table.release(from(0, 40));
        expect(await keysOf(backend, table, used[30] as number)).toEqual(keys);
      }
      expect(failures).toBeGreaterThan(10);
      expect(table.mark()).toEqual({ slots: 430, positions: 200 });
    },
  );

  it('while rows are being replaced cost nobody the rows in use', async () => {
    const faulty = withFaults(createHostBackend());
    const { table, backend } = makeTable({}, { tableBudget: pageBytes, backend: faulty.backend });
    const used = table.acquire(from(0, 256));
    table.release(from(100, 50));
    const keys = await keysOf(backend, table, used[99] as number);
    faulty.failAt(3);
    expect(errorOf(() => table.acquire(from(300, 50)))).toBeInstanceOf(OutOfMemoryError);
    faulty.failAt(0);
    expect(table.countSeen(from(0, 256))).toBe(206);
    expect([...table.acquire(from(300, 50))]).toEqual([...from(100, 50)]);
    expect(await keysOf(backend, table, used[99] as number)).toEqual(keys);
  });
});

const step = fc.record({
  kind: fc.constantFrom('acquire', 'acquire', 'release', 'rollBack', 'suspect'),
  first: fc.nat(900),
  count: fc.integer({ min: 1, max: 350 }),
  which: fc.nat(),
  positions: fc.nat(700),
});

it('keeps its books under any sequence of changes', async () => {
  await fc.assert(
    fc.asyncProperty(fc.array(step, { maxLength: 25 }), fc.constantFrom(3, 5, 100), async (steps, pages) => {
      const { table, backend, user, model } = makeTable(learned, { tableBudget: pages * pageBytes });
      const fresh = makeTable(learned);
      const held: { ids: Int32Array; slots: Int32Array; positions: number }[] = [];
      for (const { kind, first, count, which, positions } of steps) {
        const mark = table.mark();
        if (kind === 'acquire') {
          const ids = Int32Array.from(from(first, count), (id) => id - (id % 3));
          const used = new Set(held.flatMap((one) => [...one.ids]));
          const bottom = Math.max(-1, ...held.map(({ slots }) => Math.max(...slots))) + 1;
          const slotPages = Math.ceil(Math.max(bottom, new Set([...used, ...ids]).size) / 256);
          const needed = (slotPages + Math.ceil(Math.max(positions, user.length) / 256)) * pageBytes;
          const error = errorOf(() => {
            const slots = table.acquire(ids, positions);
            held.push({ ids, slots, positions });
          });
          // What is there already is within the budget; what comes may need pages that are too many.
          if (error === undefined) expect(needed).toBeLessThanOrEqual(pages * pageBytes);
          else expect(error).toMatchObject({ code: 'BUDGET_EXCEEDED', requiredBytes: needed });
          if (error !== undefined) expect(needed).toBeGreaterThan(pages * pageBytes);
          if (error !== undefined) expect(table.mark()).toEqual(mark);
        } else if (kind === 'release') {
          const [gone] = held.splice(which % (held.length + 1), 1);
          if (gone !== undefined) table.release(gone.ids);
        } else {
          table.rollBack({ slots: which % (mark.slots + 1), positions: 0 }, kind === 'suspect');
        }
        user.length = Math.max(0, ...held.map((one) => one.positions));
        expect(table.positionCount).toBeGreaterThanOrEqual(user.length);
        expect(table.byteLength).toBe(backend.ledger.live('table'));
        expect(table.byteLength).toBeLessThanOrEqual(pages * pageBytes);
        expect(Math.ceil(table.slotCount / 256) + Math.ceil(table.positionCount / 256)).toBe(
          table.byteLength / pageBytes,
        );
        for (const { ids, slots } of held) {
          expect(table.reuse(ids)).toEqual(slots); // rows in use never move
          table.release(ids);
        }
      }
      for (const { ids, slots } of held.slice(0, 2)) {
        const [expected] = fresh.table.acquire(ids.slice(-1));
        expect(await keysOf(backend, table, slots.at(-1) as number)).toEqual(
          await keysOf(fresh.backend, fresh.table, expected as number),
        );
      }
      for (const { ids } of held) table.release(ids);
      table.leave(user);
      model.dispose();
      expect(backend.ledger.live('table')).toBe(0);
    }),
    { numRuns: 60 },
  );
});
