/** Integer lists against plain arrays, and the whole pages they count in the ledger's host row. */

import fc from 'fast-check';
import { expect, it } from 'vitest';
import { Ledger } from '../ledger/ledger.ts';
import { IntegerList } from './integer-list.ts';
import { contextPageLength } from './page-sizes.ts';

const pageBytes = contextPageLength * 4;
const counting = (start: number, count: number) => Int32Array.from({ length: count }, (_, row) => start + row);

it('does what a plain array does, in whole pages', () => {
  const step = fc.record({ start: fc.nat(), count: fc.nat(), inserted: fc.nat({ max: 700 }) });
  fc.assert(
    fc.property(fc.array(step, { maxLength: 12 }), (steps) => {
      const ledger = new Ledger();
      const list = new IntegerList(ledger);
      const model: number[] = [];
      steps.forEach(({ start: place, count, inserted }, number) => {
        const start = place % (model.length + 1);
        const removed = count % (model.length - start + 1);
        const values = counting(1000 * (number + 1), inserted);
        list.splice(start, removed, values);
        model.splice(start, removed, ...values);
        expect([...list.slice()]).toEqual(model);
        expect(list.length).toBe(model.length);
        const places = [start, model.length - 1].filter((index) => index >= 0 && index < model.length);
        expect(places.map((index) => list.at(index))).toEqual(places.map((index) => model[index]));
        expect(list.byteLength).toBe(Math.ceil(model.length / contextPageLength) * pageBytes);
        expect(ledger.snapshot().host).toBe(list.byteLength);
      });
      list.dispose();
      expect(ledger.snapshot().host).toBe(0);
    }),
  );
});

it('gives copies, never beyond its end', () => {
  const list = new IntegerList(new Ledger());
  list.splice(0, 0, counting(5, 10));
  const copy = list.slice(7, 99);
  expect([...copy]).toEqual([12, 13, 14]);
  copy[0] = 0;
  expect([list.at(7), list.at(0), list.at(9)]).toEqual([12, 5, 14]);
  list.dispose();
  expect([list.at(7), list.at(5000), list.length]).toEqual([undefined, undefined, 0]);
});

it('forks into a list of its own', () => {
  const ledger = new Ledger();
  const list = new IntegerList(ledger);
  list.splice(0, 0, counting(0, 300));
  const fork = list.fork();
  expect(ledger.snapshot().host).toBe(4 * pageBytes);
  list.splice(0, 300, counting(9, 1));
  expect([...fork.slice()]).toEqual([...counting(0, 300)]);
  fork.dispose();
  expect(ledger.snapshot().host).toBe(pageBytes);
});
