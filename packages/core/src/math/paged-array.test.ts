/** Paged arrays against plain arrays, with forks; what is shared is counted once, and failures change nothing. */

import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { withFaults } from '../../test/faults.ts';
import type { Backend } from '../backend/backend.ts';
import { OutOfMemoryError } from '../errors/errors.ts';
import { EagerOperations } from '../operations/eager-operations.ts';
import { Tensor } from '../tensor/tensor.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { PagedArray } from './paged-array.ts';

/** Rows of two numbers, three to a page: row [v, -v] stands for v. */
const pageLength = 3;
const pageBytes = pageLength * 2 * 4;

const makeArray = (backend: Backend) =>
  new PagedArray(new EagerOperations(backend), { dtype: 'f32', rowShape: [2], pageLength, purpose: 'context' });
const rowsOf = (values: readonly number[]) => Float32Array.from(values.flatMap((value) => [value, -value]));
const heldBytes = (backend: Backend) => backend.ledger.live('context');

/** Bytes of the distinct pages of some arrays. */
function pagesBytes(arrays: readonly PagedArray[]): number {
  return new Set(arrays.flatMap((array) => array.pages)).size * pageBytes;
}

async function contents(array: PagedArray): Promise<number[]> {
  const pages = await Promise.all(array.pages.map((page) => page.readFloat32()));
  const numbers = pages.flatMap((page) => [...page]).slice(0, array.length * 2);
  const values = numbers.filter((_, place) => place % 2 === 0);
  expect(numbers).toEqual([...rowsOf(values)]);
  return values;
}

/** Writes through the device or from the host. */
function write(backend: Backend, array: PagedArray, start: number, values: readonly number[], onDevice: boolean): void {
  if (!onDevice) {
    array.writeHost(start, rowsOf(values));
    return;
  }
  using source = Tensor.from(backend, rowsOf(values), [values.length, 2], 'scratch');
  array.write(start, source);
}

/** An array that holds 1 … count. */
function filled(backend: Backend, count: number): PagedArray {
  const array = makeArray(backend);
  array.grow(count);
  array.writeHost(0, rowsOf(Array.from({ length: count }, (_, row) => row + 1)));
  return array;
}

const step = fc.record({
  kind: fc.constantFrom('append', 'write', 'splice', 'fork', 'truncate', 'dispose'),
  which: fc.nat(),
  start: fc.nat(),
  count: fc.nat(),
  inserted: fc.nat({ max: 8 }),
  onDevice: fc.boolean(),
});

describe('a paged array', () => {
  it('does what a plain array does, whatever is shared', async () => {
    await fc.assert(
      fc.asyncProperty(fc.array(step, { maxLength: 25 }), async (steps) => {
        const backend = createHostBackend();
        const pairs = [{ array: makeArray(backend), model: [] as number[] }];
        let next = 1;
        const fresh = (count: number) => Array.from({ length: count }, () => next++);
        for (const { kind, which, start: place, count, inserted, onDevice } of steps) {
          const at = which % pairs.length;
          const { array, model } = pairs[at] as (typeof pairs)[number];
          const start = place % (model.length + 1);
          const length = count % (model.length - start + 1);
          if (kind === 'append' || kind === 'splice') {
            const values = fresh(inserted);
            const [from, removed] = kind === 'append' ? [model.length, 0] : [start, length];
            array.splice(from, removed, inserted);
            write(backend, array, from, values, onDevice);
            model.splice(from, removed, ...values);
          } else if (kind === 'write') {
            const values = fresh(length);
            write(backend, array, start, values, onDevice);
            model.splice(start, length, ...values);
          } else if (kind === 'truncate') {
            array.truncate(start);
            model.splice(start);
          } else if (kind === 'fork') {
            pairs.push({ array: array.fork(), model: [...model] });
          } else if (pairs.length > 1) {
            array.dispose();
            pairs.splice(at, 1);
          }
          expect(heldBytes(backend)).toBe(pagesBytes(pairs.map((pair) => pair.array)));
        }
        for (const { array, model } of pairs) {
          expect(await contents(array)).toEqual(model);
          expect(array.byteLength).toBe(Math.ceil(model.length / pageLength) * pageBytes);
        }
        for (const { array } of pairs) array.dispose();
        expect(backend.ledger.snapshot().liveTotal).toBe(0);
      }),
      { numRuns: 150 },
    );
  });

  it('reads across pages', async () => {
    const backend = createHostBackend();
    const array = filled(backend, 8);
    using out = Tensor.from(backend, new Float32Array(14), [7, 2], 'scratch');
    array.read(2, 5, out, 1);
    expect([...(await out.readFloat32())]).toEqual([...rowsOf([0, 3, 4, 5, 6, 7, 0]).map((x) => x + 0)]);
  });

  it('reports the bytes an edit moves', () => {
    const array = filled(createHostBackend(), 8);
    expect(array.splice(8, 0, 2)).toBe(0); // an append
    expect(array.splice(4, 2, 2)).toBe(0); // an overwrite
    expect(array.splice(1, 1, 0)).toBe(8 * 2 * 4); // eight rows after it
    expect(array.splice(7, 2, 0)).toBe(0); // a truncation
    expect(array.length).toBe(7);
  });
});

describe('forks', () => {
  it('share full pages, counted once, and copy the tail', async () => {
    const backend = createHostBackend();
    const array = filled(backend, 7); // two full pages and a tail
    const fork = array.fork();
    expect(fork.pages.slice(0, 2)).toEqual(array.pages.slice(0, 2));
    expect(fork.pages[2]).not.toBe(array.pages[2]);
    expect(heldBytes(backend)).toBe(4 * pageBytes);
    array.dispose();
    expect(heldBytes(backend)).toBe(3 * pageBytes);
    expect(await contents(fork)).toEqual([1, 2, 3, 4, 5, 6, 7]);
    fork.dispose();
    expect(heldBytes(backend)).toBe(0);
  });

  it('copy a shared page when either side writes to it, and only then', async () => {
    const backend = createHostBackend();
    const array = filled(backend, 6);
    const fork = array.fork();
    const [first, second] = fork.pages;
    array.writeHost(1, rowsOf([20]));
    expect(heldBytes(backend)).toBe(3 * pageBytes);
    expect(array.pages[0]).not.toBe(first);
    expect(array.pages[1]).toBe(second);
    fork.writeHost(0, rowsOf([10])); // the only owner by now
    expect(fork.pages[0]).toBe(first);
    expect(await contents(array)).toEqual([1, 20, 3, 4, 5, 6]);
    expect(await contents(fork)).toEqual([10, 2, 3, 4, 5, 6]);
  });
});

describe('growing', () => {
  it('takes all that writes to the new rows need, so that they cannot fail for want of memory', async () => {
    const backend = createHostBackend({ maxBytes: 4 * pageBytes });
    const array = filled(backend, 6);
    const fork = array.fork();
    fork.truncate(4); // in the middle of a shared page
    expect(heldBytes(backend)).toBe(2 * pageBytes);
    expect(() => fork.grow(13)).toThrow(OutOfMemoryError);
    expect([heldBytes(backend), fork.length, fork.pages[1] === array.pages[1]]).toEqual([2 * pageBytes, 4, true]);
    fork.grow(8);
    expect(heldBytes(backend)).toBe(4 * pageBytes);
    fork.writeHost(4, rowsOf([50, 60, 70, 80]));
    expect(await contents(fork)).toEqual([1, 2, 3, 4, 50, 60, 70, 80]);
    expect(await contents(array)).toEqual([1, 2, 3, 4, 5, 6]);
  });

  it('takes nothing where no rows are added', () => {
    const backend = createHostBackend();
    const array = filled(backend, 6);
    const fork = array.fork();
    fork.truncate(4);
    fork.grow(4);
    expect(fork.pages[1]).toBe(array.pages[1]);
  });
});

describe('a copy on write that fails', () => {
  it('leaves the page shared and nothing behind', () => {
    const inner = createHostBackend();
    const faulty = withFaults(inner);
    const array = filled(faulty.backend, 6);
    const fork = array.fork();
    for (const call of [1, 2]) {
      faulty.failAt(call);
      expect(() => fork.writeHost(0, rowsOf([9]))).toThrow(OutOfMemoryError);
      expect([heldBytes(inner), fork.pages[0]]).toEqual([2 * pageBytes, array.pages[0]]);
    }
  });
});

describe('failures', () => {
  it.each<[string, (array: PagedArray) => unknown]>([
    ['growing', (array: PagedArray) => array.grow(20)],
    ['appending', (array: PagedArray) => array.splice(7, 0, 10)],
    ['inserting', (array: PagedArray) => array.splice(4, 1, 9)],
    ['deleting', (array: PagedArray) => array.splice(0, 2, 0)],
    ['forking', (array: PagedArray) => array.fork()],
  ])('while %s leave the array and the ledger as they were', async (_, change) => {
    const inner = createHostBackend();
    const faulty = withFaults(inner);
    let failures = 0;
    for (let succeeded = false; !succeeded; ) {
      faulty.failAt(0);
      const array = filled(faulty.backend, 7);
      const { pages } = array;
      faulty.failAt(failures + 1);
      try {
        const fork = change(array);
        if (fork instanceof PagedArray) fork.dispose();
        succeeded = true;
      } catch (error) {
        expect(error).toBeInstanceOf(OutOfMemoryError);
        failures += 1;
        expect([array.length, heldBytes(inner)]).toEqual([7, 3 * pageBytes]);
        expect(array.pages).toEqual(pages);
        expect(await contents(array)).toEqual([1, 2, 3, 4, 5, 6, 7]);
      }
      array.dispose();
      expect(heldBytes(inner)).toBe(0);
    }
    expect(failures).toBeGreaterThan(0);
  });

  it('are of memory, with nothing taken', () => {
    const backend = createHostBackend({ maxBytes: 3 * pageBytes });
    const array = filled(backend, 4);
    expect(() => array.grow(10)).toThrow(OutOfMemoryError);
    expect(heldBytes(backend)).toBe(2 * pageBytes);
    expect(array.pages).toHaveLength(2);
  });
});
