/** The pool of states against a plain map: rows never move, pages are held exactly while rows of them are in use. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withFaults } from '../../test/faults.ts';
import { smallContextModel } from '../../test/small-context-model.ts';
import { OutOfMemoryError } from '../errors/errors.ts';
import { Tensor } from '../tensor/tensor.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { consecutive } from './initial-state.ts';
import { StatePool } from './state-pool.ts';

const pageBytes = 256 * 4 * 4;

function makePool(inner = createHostBackend()) {
  const { backend, model } = smallContextModel({}, { backend: inner });
  const pool = new StatePool(model, 'f32');
  pool.join();
  return { backend, model, pool };
}

/** Writes the rows of `slots`: row s gets [value, value, value, value]. */
function write({ backend, pool }: ReturnType<typeof makePool>, slots: Int32Array, values: readonly number[]): void {
  const data = Float32Array.from({ length: slots.length * 4 }, (_, i) => values[i >> 2] as number);
  using states = Tensor.from(backend, data, [slots.length, 4], 'scratch');
  pool.write(slots, states);
}

/** What is in the rows of `slots`, read as attention does. */
async function valuesOf({ model, pool }: ReturnType<typeof makePool>, slots: Int32Array): Promise<number[]> {
  const { operations } = model;
  using index = operations.index(slots);
  using rows = operations.gatherRows(pool.pages, pool.rowsPerPage, index.tensor);
  return [...(await rows.readFloat32())].filter((_, i) => i % 4 === 0);
}

describe('a pool of states', () => {
  it('takes the lowest free rows, and gives back whole pages from anywhere', async () => {
    const made = makePool();
    const { pool, backend } = made;
    const slots = pool.acquire(800);
    expect([...slots]).toEqual([...consecutive(0, 800)]);
    write(made, slots, [...slots]);
    const held = () => backend.ledger.live('context') / pageBytes;
    expect(held()).toBe(4);
    pool.release(slots.slice(250, 511)); // all of the second page but its last row
    expect(held()).toBe(4);
    pool.release(slots.slice(511, 513));
    expect([held(), pool.byteLength]).toEqual([3, 3 * pageBytes]);
    expect(await valuesOf(made, Int32Array.of(249, 513, 799))).toEqual([249, 513, 799]);
    const again = pool.acquire(8);
    expect([...again]).toEqual([...consecutive(250, 8)]); // six in the first page, two in the second
    expect(held()).toBe(4);
    write(made, again, [1, 2, 3, 4, 5, 6, 7, 8]);
    expect(await valuesOf(made, Int32Array.of(249, 250, 257, 513))).toEqual([249, 1, 8, 513]);
    pool.release(slots.slice(513));
    expect(held()).toBe(2);
    pool.leave();
    expect(backend.ledger.live('context')).toBe(0);
  });

  it('counts uses, and lives as long as its last user', () => {
    const { pool, backend } = makePool();
    const slots = pool.acquire(3);
    pool.join();
    pool.reuse(slots);
    pool.release(slots);
    pool.leave();
    expect(backend.ledger.live('context')).toBe(pageBytes);
    expect([...pool.acquire(2)]).toEqual([3, 4]);
    pool.release(slots);
    expect([...pool.acquire(4)]).toEqual([0, 1, 2, 5]);
    pool.leave();
    expect(backend.ledger.live('context')).toBe(0);
  });

  it('without memory for all that is asked for takes nothing', () => {
    const faulty = withFaults(createHostBackend());
    const { pool, backend } = makePool(faulty.backend);
    const slots = pool.acquire(700);
    pool.release(slots.slice(100, 600));
    for (const call of [1, 2, 3]) {
      const before = [backend.ledger.snapshot().live, [...pool.pages]];
      faulty.failAt(call);
      expect(() => pool.acquire(500 + 68 + 300)).toThrow(OutOfMemoryError);
      faulty.failAt(0);
      expect([backend.ledger.snapshot().live, [...pool.pages]]).toEqual(before);
    }
    expect([...pool.acquire(869)]).toEqual([...consecutive(100, 500), ...consecutive(700, 369)]);
  });

  it('holds what a map would, whatever happens', async () => {
    const step = fc.record({ take: fc.boolean(), count: fc.integer({ min: 0, max: 600 }), which: fc.nat() });
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 20 }), async (steps) => {
        const made = makePool();
        const { pool, backend } = made;
        const values = new Map<number, number>();
        let next = 1;
        for (const { take, count, which } of steps) {
          if (take) {
            const slots = pool.acquire(count);
            const free = [...consecutive(0, 256 * 60)].filter((slot) => !values.has(slot)).slice(0, count);
            expect([...slots]).toEqual(free);
            for (const slot of free) values.set(slot, next++);
            const written = free.map((slot) => values.get(slot) as number);
            write(made, slots, written);
          } else {
            const slots = [...values.keys()];
            const start = which % (slots.length + 1);
            const gone = slots.slice(start, start + count);
            pool.release(Int32Array.from(gone));
            for (const slot of gone) values.delete(slot);
          }
          const pages = new Set([...values.keys()].map((slot) => slot >> 8));
          expect(backend.ledger.live('context')).toBe(pages.size * pageBytes);
          expect(pool.byteLength).toBe(pages.size * pageBytes);
        }
        const slots = Int32Array.from(values.keys());
        if (slots.length > 0) expect(await valuesOf(made, slots)).toEqual([...values.values()]);
      }),
      { numRuns: 40 },
    );
  });
});
