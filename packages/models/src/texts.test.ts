import { createHash } from 'node:crypto';
import { describe, expect, test } from 'vitest';
import { readDocuments, toJsonl } from '../scripts/texts.mjs';

const { train, test: held } = readDocuments();

function sha256(text: string): string {
  return createHash('sha256').update(text).digest('hex');
}

describe('the texts', () => {
  test('are split as every shipped model was trained', () => {
    expect(sha256(toJsonl(train))).toBe('00ce24725cf988e249c04c27f0cd8b2d670463f88d79429e514425f4352e3ce2');
    expect(sha256(toJsonl(held))).toBe('c785ec3b18813aefb53495d9a9f0806ffd2ebe2074eb351c86c2fa9700021131');
  });

  test('have no document, and no long passage, in both parts', () => {
    expect([train.length, held.length]).toEqual([222, 13]);
    const all = train.join('\n');
    for (const text of held) {
      // A passage in the middle of a document: beginnings and ends are formulas ("Fellow citizens of the Senate").
      const middle = Math.floor(text.length / 2);
      expect(all.includes(text.slice(middle, middle + 200))).toBe(false);
    }
  });
});
