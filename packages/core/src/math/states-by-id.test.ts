import { expect, test } from 'vitest';
import { distinctIdsOf } from './states-by-id.ts';

test('names the ids before the block too, and nothing before the start', () => {
  const ids = Int32Array.of(7, 5, 7, 9, 5);
  const sequence = { length: 5, at: (position: number) => ids[position] as number };
  expect(distinctIdsOf(sequence, 0, 3, 3)).toEqual({
    ids: Int32Array.of(7, 5),
    slots: Int32Array.of(-1, -1, 0, 1, 0),
  });
  expect(distinctIdsOf(sequence, 1, 2, 3).slots).toEqual(Int32Array.of(-1, 0, 1, 0));
  expect(distinctIdsOf(sequence, 3, 2, 3)).toEqual({
    ids: Int32Array.of(5, 7, 9),
    slots: Int32Array.of(0, 1, 2, 0),
  });
});
