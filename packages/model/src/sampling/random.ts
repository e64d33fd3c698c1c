/**
 * The random numbers of sampling and initialisation: xoroshiro128+ of the pure-rand library, whose state is a short
 * list of integers that a saved session can carry.
 */

import { InvalidArgumentError } from '@inattention/core';
import { uniformFloat64 } from 'pure-rand/distribution/uniformFloat64';
import { xoroshiro128plusFromState } from 'pure-rand/generator/xoroshiro128plus';
import type { RandomGenerator } from 'pure-rand/types/RandomGenerator';

export class Random {
  readonly #generator: RandomGenerator;

  private constructor(generator: RandomGenerator) {
    this.#generator = generator;
  }

  /** A generator seeded with a 32-bit integer; neighbouring seeds give unrelated numbers from the first one on. */
  static seeded(seed: number): Random {
    if (!Number.isInteger(seed) || seed < -(2 ** 31) || seed >= 2 ** 32) {
      throw new InvalidArgumentError({ what: 'A seed is a 32-bit integer.', got: String(seed) });
    }
    return new Random(xoroshiro128plusFromState(spread(seed)));
  }

  /** Continues where `state` was taken. */
  static fromState(state: readonly number[]): Random {
    const words = state.length === 4 && state.every((word) => word === (word | 0));
    if (!words || state.every((word) => word === 0)) {
      throw new InvalidArgumentError({
        what: 'A random state is four 32-bit integers, not all 0.',
        got: `[${state.join(', ')}]`,
      });
    }
    return new Random(xoroshiro128plusFromState(state));
  }

  get state(): readonly number[] {
    return this.#generator.getState();
  }

  /** Uniform in [0, 1) with 53 random bits. */
  uniform(): number {
    return uniformFloat64(this.#generator);
  }

  /** Standard normal (Box–Muller). */
  normal(): number {
    const radius = Math.sqrt(-2 * Math.log(1 - this.uniform()));
    return radius * Math.cos(2 * Math.PI * this.uniform());
  }
}

/**
 * Four state words from one seed, as the authors of xoroshiro advise: a Weyl sequence (SplitMix, Steele et al., 2014)
 * through the finalizer of MurmurHash3. It is one to one, so that the words differ and are not all 0.
 */
function spread(seed: number): number[] {
  return [1, 2, 3, 4].map((step) => {
    let word = (seed + Math.imul(step, 0x9e3779b9)) | 0;
    word = Math.imul(word ^ (word >>> 16), 0x85ebca6b);
    word = Math.imul(word ^ (word >>> 13), 0xc2b2ae35);
    return word ^ (word >>> 16);
  });
}
