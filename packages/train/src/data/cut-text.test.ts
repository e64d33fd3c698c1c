import fc from 'fast-check';
import { expect, it } from 'vitest';
import { cutText } from './cut-text.ts';

const words = /'s|'t|'re|'ve|'m|'ll|'d| ?\p{L}+| ?\p{N}+| ?[^\s\p{L}\p{N}]+|\s+(?!\S)|\s+/gu;
const text = fc
  .array(fc.constantFrom(' ', ' a', 'b', '\n', '\t', '\u3000', '\u00a0', '🙂', "'s", '1', '.', '\u0085'), {
    maxLength: 60,
  })
  .map((parts) => parts.join(''));

it('loses nothing, and keeps to the length', () => {
  fc.assert(
    fc.property(text, fc.integer({ min: 1, max: 9 }), (whole, length) => {
      const pieces = [...cutText(whole, length)];
      expect(pieces.join('')).toBe(whole);
      for (const piece of pieces) {
        expect(piece).not.toBe('');
        expect(piece.length).toBeLessThanOrEqual(length);
      }
    }),
  );
});

it('cuts only where a word ends anyway, if there is such a place', () => {
  fc.assert(
    fc.property(text, fc.integer({ min: 2, max: 30 }), (whole, length) => {
      const pieces = [...cutText(whole, length)];
      fc.pre(pieces.slice(1).every((piece, i) => /^[ \t\n\u00a0]/.test(piece) && /\S$/.test(pieces[i] ?? '')));
      expect(pieces.flatMap((piece) => piece.match(words) ?? [])).toEqual(whole.match(words) ?? []);
    }),
  );
  expect([...cutText('ab cd\n ef', 6)]).toEqual(['ab cd', '\n ef']);
  expect([...cutText('a🙂🙂', 2)]).toEqual(['a', '🙂', '🙂']);
});
