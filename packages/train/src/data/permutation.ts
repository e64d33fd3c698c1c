/**
 * A shuffled order of any length that is computed, not stored: a Feistel network over the numbers of the next even number
 * of bits (Luby and Rackoff, 1988), walked until it comes back into range (Black and Rogaway, "Ciphers with arbitrary
 * finite domains", 2002).
 */

import { hash32, mix } from './hash.ts';

const rounds = 6;

/**
 * A permutation of [0, count), a different one for each key.
 * @param count up to 2^48
 */
export function permutation(count: number, ...key: readonly number[]): (index: number) => number {
  let halfBits = 0;
  while (4 ** halfBits < count) halfBits += 1;
  const half = 2 ** halfBits;
  const keys = Array.from({ length: rounds }, (_, round) => hash32(...key, round));
  const step = (number: number) => {
    let left = Math.floor(number / half);
    let right = number % half;
    for (const roundKey of keys) [left, right] = [right, (left ^ mix(right ^ roundKey)) & (half - 1)];
    return left * half + right;
  };
  return (index) => {
    let number = step(index);
    while (number >= count) number = step(number);
    return number;
  };
}
