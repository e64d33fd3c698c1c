import fc from 'fast-check';
import { expect, it } from 'vitest';
import { diffIds } from './diff-ids.ts';

const list = fc.array(fc.integer({ min: 0, max: 3 }), { maxLength: 12 }).map((ids) => Int32Array.from(ids));

it('makes one list of the other, and replaces nothing that both begin or end with', () => {
  fc.assert(
    fc.property(list, list, (from, to) => {
      const change = diffIds(from, to);
      if (change === null) {
        expect(from).toEqual(to);
        return;
      }
      const { position, removed, added } = change;
      const rest = [...from];
      rest.splice(position, removed, ...added);
      expect(rest).toEqual([...to]);
      expect(removed + added.length).toBeGreaterThan(0);
      if (removed > 0 && added.length > 0) {
        expect(from[position]).not.toBe(added[0]);
        expect(from[position + removed - 1]).not.toBe(added.at(-1));
      }
    }),
  );
});
