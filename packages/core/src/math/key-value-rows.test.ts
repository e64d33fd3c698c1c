/** Keys and values in step: both grow or neither, and the list of pages is the same object while the pages are. */

import { expect, it } from 'vitest';
import { withFaults } from '../../test/faults.ts';
import { OutOfMemoryError } from '../errors/errors.ts';
import { EagerOperations } from '../operations/eager-operations.ts';
import { Tensor } from '../tensor/tensor.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { KeyValueRows } from './key-value-rows.ts';

const pageBytes = 3 * 2 * 4;

function makeRows() {
  const inner = createHostBackend();
  const faulty = withFaults(inner);
  const options = { dtype: 'f32', rowShape: [1, 2], pageLength: 3, purpose: 'context' } as const;
  return { inner, faulty, rows: KeyValueRows.create(new EagerOperations(faulty.backend), options) };
}

it('grow together or not at all', () => {
  const { inner, faulty, rows } = makeRows();
  rows.grow(4);
  expect([rows.length, rows.byteLength]).toEqual([4, 4 * pageBytes]);
  for (const call of [1, 2, 3, 4]) {
    faulty.failAt(call);
    expect(() => rows.grow(10)).toThrow(OutOfMemoryError);
    expect([rows.keys.length, rows.values.length, inner.ledger.live('context')]).toEqual([4, 4, 4 * pageBytes]);
  }
  faulty.failAt(0);
  rows.grow(10);
  rows.dispose();
  expect(inner.ledger.live('context')).toBe(0);
});

it('fork together or not at all', () => {
  const { inner, faulty, rows } = makeRows();
  rows.grow(5);
  for (const call of [1, 2, 3, 4]) {
    faulty.failAt(call);
    expect(() => rows.fork()).toThrow(OutOfMemoryError);
    expect(inner.ledger.live('context')).toBe(4 * pageBytes);
  }
  faulty.failAt(0);
  const fork = rows.fork();
  rows.dispose();
  expect([fork.length, inner.ledger.live('context')]).toEqual([5, 4 * pageBytes]);
  fork.dispose();
  expect(inner.ledger.live('context')).toBe(0);
});

it('hand out the same pages until they change', async () => {
  const { faulty, rows } = makeRows();
  rows.grow(4);
  const { paged } = rows;
  expect([paged.rowsPerPage, paged.pages.length]).toEqual([3, 2]);
  expect(paged.pages[1]).toEqual({ keys: rows.keys.pages[1], values: rows.values.pages[1] });
  using keys = Tensor.from(faulty.backend, Float32Array.of(1, 2, 3, 4), [2, 1, 2], 'scratch');
  using values = Tensor.from(faulty.backend, Float32Array.of(5, 6, 7, 8), [2, 1, 2], 'scratch');
  rows.write(2, keys, values); // across the edge of a page
  rows.grow(6);
  expect(rows.paged).toBe(paged);
  expect([...(await (rows.keys.pages[0] as Tensor).readFloat32())].slice(4)).toEqual([1, 2]);
  expect([...(await (rows.values.pages[1] as Tensor).readFloat32())].slice(0, 2)).toEqual([7, 8]);
  const fork = rows.fork();
  fork.write(0, keys, values); // the fork has pages of its own from here on
  expect(rows.paged).toBe(paged);
  expect(fork.paged.pages[0]?.keys).not.toBe(paged.pages[0]?.keys);
  rows.truncate(3);
  expect(rows.paged).not.toBe(paged);
  expect(rows.paged.pages).toHaveLength(1);
});
