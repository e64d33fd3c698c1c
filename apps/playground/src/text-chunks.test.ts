import { loadTokenizer } from '@inattention/formats';
import { trainTokenizer } from '@inattention/train';
import fc from 'fast-check';
import { expect, it } from 'vitest';
import { joinIds } from './diff-ids.ts';
import { chunksOf } from './text-chunks.ts';

const words = "The whale, it’s 2,000 ships: round  the\n\nworld — “ship” and\tsea\r\n.  café 鯨 don't A1 b2";

/** Words of two syllables each, none of which comes twice in a row. */
const syllables = ['ba', 'de', 'fi', 'go', 'lu', 'mar', 'nest', 'pro', 'ques', 'ruth', 'sy', 'tom'];
const long = Array.from({ length: 6000 }, (_, at) => {
  const syllable = (by: number) => syllables[(at * by + (at >> 4)) % syllables.length];
  return `${syllable(5)}${syllable(7)}${at % 9 === 0 ? '.' : ''}${at % 50 === 0 ? '\n\n' : ''}`;
}).join(' ');

it('joins to the text, in several chunks', () => {
  const chunks = [...chunksOf(long)];
  expect(chunks.length).toBeGreaterThan(20);
  expect(chunks.join('')).toBe(long);
  expect(Math.max(...chunks.map(({ length }) => length))).toBeLessThan(16_500);
  expect([...chunksOf('')]).toEqual([]);
  expect([...chunksOf('aa '.repeat(100_000))].length).toBeGreaterThan(10);
});

it('gives the ids of the whole text', async () => {
  const { json } = await trainTokenizer([long, words.repeat(9)], { vocabSize: 500 });
  const tokenizer = await loadTokenizer(json);
  const parts = fc.constantFrom(...words.split(/(?<=\s)|(?=\s)/), 'zz', ' ', '\n', '🐋', "'s", '\u00a0', 'é');
  fc.assert(
    fc.property(fc.array(parts, { maxLength: 300 }), (pieces) => {
      const text = pieces.join('');
      const whole = tokenizer.encode(text);
      expect(joinIds([...chunksOf(text)].map((chunk) => tokenizer.encode(chunk)))).toEqual(whole);
    }),
    { numRuns: 300 },
  );
  expect(joinIds([...chunksOf(long)].map((chunk) => tokenizer.encode(chunk)))).toEqual(tokenizer.encode(long));
});

it('cuts elsewhere only beside an edit', () => {
  const before = [...chunksOf(long)];
  const middle = long.length >> 1;
  const after = [...chunksOf(`${long.slice(0, middle)} inserted words ${long.slice(middle)}`)];
  const known = new Set(before);
  expect(after.filter((chunk) => !known.has(chunk)).length).toBeLessThan(4);
});
