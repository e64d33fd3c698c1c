import { Ledger, OutOfMemoryError } from '@inattention/core';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { Heap, maxMemoryBytes, type WasmBuffer } from './heap.ts';

const megabyte = 2 ** 20;

describe('the heap', () => {
  test('blocks never overlap, the ledger is exact, and all free memory merges again', () => {
    const step = fc.oneof(
      fc.record({ kind: fc.constant('allocate' as const), bytes: fc.integer({ min: 0, max: 200_000 }) }),
      fc.record({ kind: fc.constant('free' as const), which: fc.nat() }),
    );
    fc.assert(
      fc.property(fc.array(step, { maxLength: 120 }), (steps) => {
        const ledger = new Ledger();
        const heap = new Heap(ledger, 8 * megabyte);
        const live: WasmBuffer[] = [];
        for (const action of steps) {
          if (action.kind === 'allocate') {
            try {
              live.push(heap.allocate(action.bytes, 'context'));
            } catch (error) {
              expect(error).toBeInstanceOf(OutOfMemoryError);
            }
          } else if (live.length > 0) {
            const [buffer] = live.splice(action.which % live.length, 1) as [WasmBuffer];
            heap.free(buffer);
          }
          const sorted = [...live].sort((a, b) => a.offset - b.offset);
          sorted.forEach((buffer, place) => {
            expect(buffer.offset % 64).toBe(0);
            const next = sorted[place + 1]?.offset ?? heap.memory.buffer.byteLength;
            expect(buffer.offset + buffer.blockLength).toBeLessThanOrEqual(next);
          });
          const { live: bytes, liveTotal, reserved } = ledger.snapshot();
          const asked = live.reduce((sum, buffer) => sum + buffer.byteLength, 0);
          expect(bytes.context).toBe(asked);
          expect(liveTotal + reserved).toBe(heap.memory.buffer.byteLength);
        }
        for (const buffer of live) heap.free(buffer);
        const whole = heap.memory.buffer.byteLength - 65_536;
        expect(heap.allocate(whole, 'context').offset).toBe(65_536); // one block again
      }),
      { numRuns: 200 },
    );
  });

  test('refuses what does not fit, names the bytes, and stays as it was', () => {
    const ledger = new Ledger();
    const heap = new Heap(ledger, 4 * megabyte);
    const before = ledger.snapshot();
    const failure = () => heap.allocate(5 * megabyte, 'context');
    expect(failure).toThrow(OutOfMemoryError);
    expect(failure).toThrow(/5242880 bytes.*4194304 in all/s);
    expect(() => heap.reserve(5 * megabyte)).toThrow(OutOfMemoryError);
    expect(ledger.snapshot()).toEqual(before);
    heap.allocate(3 * megabyte, 'context');
    expect(() => heap.allocate(megabyte, 'context')).toThrow(/at most 983040 bytes/);
  });

  test('reserve grows the memory, so that what was reserved can be had', () => {
    const heap = new Heap(new Ledger(), 64 * megabyte);
    heap.reserve(20 * megabyte);
    const size = heap.memory.buffer.byteLength;
    for (let part = 0; part < 20; part += 1) heap.allocate(megabyte, 'table');
    expect(heap.memory.buffer.byteLength).toBe(size);
  });

  test('refuses sizes no memory can have', () => {
    for (const bytes of [0, 65_536, -1, Number.NaN, maxMemoryBytes + 1]) {
      expect(() => new Heap(new Ledger(), bytes)).toThrow(/maxBytes/);
    }
  });

  test('a buffer is freed once', () => {
    const heap = new Heap(new Ledger(), megabyte);
    const buffer = heap.allocate(10, 'scratch');
    heap.free(buffer);
    expect(() => heap.free(buffer)).toThrow(/freed twice/);
  });
});
