/**
 * Random numbers that need no state: each is a function of the numbers that name it (a seed, an epoch, an example), so
 * that nothing has to be kept to go on from anywhere. MurmurHash3 (x86, 32 bit; Appleby, public domain), over words.
 */

import { InvalidArgumentError } from '@inattention/core';

/** 32 random bits of whole numbers from 0 to 2^53. */
export function hash32(...numbers: readonly number[]): number {
  let hash = 0;
  for (const number of numbers) {
    hash = absorb(hash, number >>> 0);
    hash = absorb(hash, Math.floor(number / 2 ** 32) >>> 0);
  }
  return mix(hash ^ (8 * numbers.length)) >>> 0;
}

/** Uniform in [0, 1), with 53 random bits. */
export function uniform(...numbers: readonly number[]): number {
  const high = hash32(...numbers, 0) >>> 5;
  const low = hash32(...numbers, 1) >>> 6;
  return (high * 2 ** 26 + low) / 2 ** 53;
}

/** Murmur's finalizer: one to one, each bit of the result depending on all bits of the word. */
export function mix(word: number): number {
  let mixed = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
  mixed = Math.imul(mixed ^ (mixed >>> 13), 0xc2b2ae35);
  return mixed ^ (mixed >>> 16);
}

/** Throws InvalidArgumentError unless `seed` can be one. */
export function checkSeed(seed: number): void {
  if (Number.isInteger(seed) && seed >= 0 && seed < 2 ** 32) return;
  throw new InvalidArgumentError({ what: 'A seed is a whole number from 0 to 2^32 - 1.', got: String(seed) });
}

function absorb(hash: number, word: number): number {
  const scrambled = Math.imul(rotate(Math.imul(word, 0xcc9e2d51), 15), 0x1b873593);
  return (Math.imul(rotate(hash ^ scrambled, 13), 5) + 0xe6546b64) | 0;
}

function rotate(word: number, bits: number): number {
  return (word << bits) | (word >>> (32 - bits));
}
