import { Random } from '@inattention/model';
import fc from 'fast-check';
import { describe, expect, test } from 'vitest';
import { associativeRecall } from './associative-recall.ts';

const sizes = fc.record({
  keys: fc.integer({ min: 4, max: 40 }),
  pairs: fc.integer({ min: 1, max: 4 }),
  gap: fc.integer({ min: 0, max: 5 }),
  unasked: fc.integer({ min: 0, max: 3 }),
});

describe('associative recall', () => {
  test('asks for as many keys as it says, each once, and the token after each question is its value', () => {
    fc.assert(
      fc.property(sizes, fc.integer(), ({ unasked, ...sizes }, seed) => {
        const { keys, pairs, gap } = sizes;
        const length = pairs * (gap + 2) + 24;
        const asked = Math.max(1, pairs - unasked);
        const { tokens, positions } = associativeRecall('x', { ...sizes, length, asked }).sample(Random.seeded(seed));
        expect(tokens).toHaveLength(length);
        const stride = gap + 2;
        const pairsOf = new Map<number, number>();
        for (let pair = 0; pair < pairs; pair += 1) {
          pairsOf.set(tokens[pair * stride] as number, tokens[pair * stride + gap + 1] as number);
        }
        expect(pairsOf.size).toBe(pairs); // keys differ
        const questions = Array.from(positions, (position) => tokens[position] as number);
        expect(questions).toHaveLength(asked);
        expect(new Set(questions).size).toBe(asked); // each once
        for (const key of questions) expect(pairsOf.has(key)).toBe(true);
        for (const position of positions) {
          expect(position).toBeGreaterThanOrEqual(pairs * stride);
          expect(tokens[position + 1]).toBe(pairsOf.get(tokens[position] as number));
        }
        expect([...positions]).toEqual([...positions].sort((a, b) => a - b));
        // Everything else is a filler, neither key nor value.
        const named = new Set([...positions, ...Array.from(positions, (position) => position + 1)]);
        tokens.forEach((token, place) => {
          const inPair = place < pairs * stride && (place % stride === 0 || place % stride === gap + 1);
          if (!inPair && !named.has(place)) expect(token).toBeGreaterThanOrEqual(2 * keys);
        });
      }),
    );
  });

  test('asks for the key of every pair equally often', () => {
    const task = associativeRecall('x', { keys: 9, pairs: 6, length: 40, gap: 1, asked: 2 });
    const random = Random.seeded(3);
    const counts = Array.from({ length: 6 }, () => 0);
    for (let text = 0; text < 1500; text += 1) {
      const { tokens, positions } = task.sample(random);
      for (const position of positions) {
        const pair = [0, 1, 2, 3, 4, 5].find((one) => tokens[3 * one] === tokens[position]) ?? -1;
        counts[pair] = (counts[pair] ?? 0) + 1;
      }
    }
    for (const count of counts) expect(Math.abs(count - 500)).toBeLessThan(4 * Math.sqrt(500 * (5 / 6)));
  });

  test('asks soon more often than late: distances follow the power law', () => {
    const task = associativeRecall('x', { keys: 8, pairs: 1, length: 2 + 2 * 16, gap: 0, asked: 1 });
    const random = Random.seeded(5);
    const slots = Array.from({ length: 4000 }, () => ((task.sample(random).positions[0] as number) - 2) / 2);
    const share = (slot: number) => slots.filter((one) => one === slot).length / slots.length;
    const total = Array.from({ length: 16 }, (_, slot) => (slot + 1) ** -0.99).reduce((sum, weight) => sum + weight, 0);
    for (const slot of [0, 1, 3, 15]) {
      const expected = (slot + 1) ** -0.99 / total;
      expect(Math.abs(share(slot) - expected)).toBeLessThan(4 * Math.sqrt((expected * (1 - expected)) / 4000));
    }
  });
});
