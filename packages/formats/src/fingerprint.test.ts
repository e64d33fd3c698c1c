import { expect, it } from 'vitest';
import { Fingerprint } from './fingerprint.ts';

// Test vectors of the FNV authors (http://www.isthe.com/chongo/src/fnv/test_fnv.c).
it.each([
  ['', 'cbf29ce484222325'],
  ['a', 'af63dc4c8601ec8c'],
  ['foobar', '85944171f73967e8'],
  ['chongo was here!\n', '46810940eff5f915'],
])('is FNV-1a of %j', (text, hash) => {
  expect(new Fingerprint().addText(text).toString()).toBe(hash);
});

it('agrees with arithmetic in big integers, and with itself in pieces', () => {
  const bytes = Uint8Array.from({ length: 1000 }, (_, index) => (index * 167 + 13) % 256);
  let expected = 0xcbf29ce484222325n;
  for (const byte of bytes) expected = BigInt.asUintN(64, (expected ^ BigInt(byte)) * 0x100000001b3n);
  const pieces = new Fingerprint().add(bytes.subarray(0, 7)).add(bytes.subarray(7));
  expect(pieces.toString()).toBe(expected.toString(16).padStart(16, '0'));
});
