import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { FreeBlocks } from './free-blocks.ts';

describe('FreeBlocks', () => {
  it('takes from the smallest block that fits', () => {
    const blocks = new FreeBlocks();
    blocks.add(0, 100);
    blocks.add(200, 40);
    expect(blocks.take(30)).toBe(200);
    expect(blocks.take(30)).toBe(0);
    expect(blocks.take(100)).toBe(-1);
  });

  it('merges neighbours on both sides', () => {
    const blocks = new FreeBlocks();
    blocks.add(0, 10);
    blocks.add(20, 10);
    expect(blocks.take(30)).toBe(-1);
    blocks.add(10, 10);
    expect(blocks.lengthBefore(30)).toBe(30);
    expect(blocks.take(30)).toBe(0);
    expect(blocks.lengthBefore(30)).toBe(0);
  });

  it('gives out every unit once, and all of it again after it came back', () => {
    const size = 64;
    fc.assert(
      fc.property(fc.array(fc.tuple(fc.boolean(), fc.integer({ min: 1, max: 12 })), { maxLength: 60 }), (steps) => {
        const blocks = new FreeBlocks();
        blocks.add(0, size);
        const taken: [offset: number, length: number][] = [];
        const used = new Uint8Array(size);
        for (const [takes, number] of steps) {
          if (takes) {
            const offset = blocks.take(number);
            if (offset === -1) continue;
            const range = used.subarray(offset, offset + number);
            expect(range.length).toBe(number);
            expect(range.every((unit) => unit === 0)).toBe(true);
            range.fill(1);
            taken.push([offset, number]);
          } else if (taken.length > 0) {
            const [[offset, length]] = taken.splice(number % taken.length, 1) as [[number, number]];
            used.fill(0, offset, offset + length);
            blocks.add(offset, length);
          }
        }
        for (const [offset, length] of taken) blocks.add(offset, length);
        expect(blocks.lengthBefore(size)).toBe(size);
        expect(blocks.take(size)).toBe(0);
      }),
    );
  });
});
