import fc from 'fast-check';
import { expect, test } from 'vitest';
import { StopSequences } from './stop-sequences.ts';

/** Feeds pieces until a stop; returns all that was shown. */
function stream(pieces: readonly string[], stops: readonly string[]): { text: string; stopped: boolean } {
  const watch = new StopSequences(stops);
  let shown = '';
  for (const piece of pieces) {
    const { text, stopped } = watch.push(piece);
    shown += text;
    if (stopped) return { text: shown, stopped };
  }
  return { text: shown + watch.flush(), stopped: false };
}

/**
 * What is shown of a whole text: up to where the stop sequence begins that is complete first; of those complete with
 * the same character, the longest.
 */
function endOf(whole: string, stops: readonly string[]): string {
  for (let end = 1; end <= whole.length; end += 1) {
    const complete = stops.filter((sequence) => whole.slice(0, end).endsWith(sequence));
    if (complete.length > 0) return whole.slice(0, end - Math.max(...complete.map((sequence) => sequence.length)));
  }
  return whole;
}

test('shows the text up to the first stop sequence, however it is cut', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), maxLength: 30 });
  const stop = fc.string({ unit: fc.constantFrom('a', 'b', 'c'), minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(fc.array(letters, { maxLength: 12 }), fc.array(stop, { maxLength: 3 }), (pieces, stops) => {
      const { text, stopped } = stream(pieces, stops);
      const whole = pieces.join('');
      expect(whole.startsWith(text)).toBe(true);
      expect(stops.some((sequence) => text.includes(sequence))).toBe(false);
      expect(stopped).toBe(stops.some((sequence) => whole.includes(sequence)));
      if (stopped) expect(stops.some((sequence) => whole.startsWith(text + sequence))).toBe(true);
      else expect(text).toBe(whole);
      expect(text).toBe(endOf(whole, stops));
    }),
    { numRuns: 2000 },
  );
});

test('shows all that can no longer begin a stop sequence, at once', () => {
  const letters = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 6 });
  const stop = fc.string({ unit: fc.constantFrom('a', 'b'), minLength: 1, maxLength: 4 });
  fc.assert(
    fc.property(
      fc.array(letters, { maxLength: 10 }),
      fc.array(stop, { minLength: 1, maxLength: 3 }),
      (pieces, stops) => {
        const watch = new StopSequences(stops);
        let [shown, whole] = ['', ''];
        for (const piece of pieces) {
          whole += piece;
          const { text, stopped } = watch.push(piece);
          shown += text;
          if (stopped) return;
          const held = whole.slice(shown.length);
          expect(held === '' || stops.some((sequence) => sequence.startsWith(held))).toBe(true);
        }
      },
    ),
    { numRuns: 2000 },
  );
});

test('holds back only what may begin a stop sequence', () => {
  const watch = new StopSequences(['END', '']);
  expect(watch.push('the E')).toEqual({ text: 'the ', stopped: false });
  expect(watch.push('N')).toEqual({ text: '', stopped: false });
  expect(watch.push('T')).toEqual({ text: 'ENT', stopped: false });
  expect(watch.flush()).toBe('');
});
