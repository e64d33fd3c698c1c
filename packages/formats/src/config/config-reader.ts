/** Reads typed fields out of an untrusted JSON object, with errors that name the field, what was got and expected. */

import { InvalidConfigError } from '@inattention/core';
import { describe, isRecord } from '../json/describe.ts';

export class ConfigReader {
  readonly #fields: ReadonlyMap<string, unknown>;
  readonly #prefix: string;

  /** `prefix`: what errors put before names of fields. Throws InvalidConfigError unless `json` is an object. */
  constructor(json: unknown, prefix = '') {
    if (!isRecord(json)) {
      throw new InvalidConfigError({ what: 'The configuration is not a JSON object.', got: describe(json) });
    }
    this.#fields = new Map(Object.entries(json));
    this.#prefix = prefix;
  }

  /** The raw value; undefined when missing or null. */
  get(name: string): unknown {
    return this.#fields.get(name) ?? undefined;
  }

  /** A whole number in [least, most]; the default when missing. Without a default the field is required. */
  count(name: string, least: number, most: number, fallback?: number): number {
    return this.#number(name, fallback, `a whole number from ${least} to ${most}`, (value) => {
      return Number.isSafeInteger(value) && value >= least && value <= most;
    });
  }

  /** A number in [least, most]; the default when missing. Without a default the field is required. */
  number(name: string, least: number, most: number, fallback?: number): number {
    return this.#number(name, fallback, `a number from ${least} to ${most}`, (value) => {
      return value >= least && value <= most;
    });
  }

  /** A finite number above 0, at most `most`. */
  positive(name: string, most: number, fallback: number): number {
    return this.#number(name, fallback, `a number above 0, at most ${most}`, (value) => value > 0 && value <= most);
  }

  flag(name: string, fallback: boolean): boolean {
    const value = this.get(name) ?? fallback;
    if (typeof value !== 'boolean') return this.refuse(name, value, 'true or false');
    return value;
  }

  /** One of the given words. */
  word<T extends string>(name: string, words: readonly T[], fallback: T): T {
    const value = this.get(name) ?? fallback;
    const word = words.find((candidate) => candidate === value);
    return word ?? this.refuse(name, value, words.map((candidate) => `"${candidate}"`).join(', '));
  }

  /** Throws InvalidConfigError about one field. */
  refuse(name: string, got: unknown, expected: string, fix?: string): never {
    return refuse(`${this.#prefix}${name}`, got, expected, fix);
  }

  #number(name: string, fallback: number | undefined, expected: string, valid: (value: number) => boolean): number {
    const value = this.get(name) ?? fallback;
    if (typeof value !== 'number' || !valid(value)) return this.refuse(name, value, expected);
    return value;
  }
}

/** Throws InvalidConfigError about one field. */
export function refuse(name: string, got: unknown, expected: string, fix?: string): never {
  throw new InvalidConfigError({
    what: `config.json: ${name} ${got === undefined ? 'is missing' : 'cannot be used'}.`,
    got: describe(got),
    expected,
    ...(fix !== undefined && { fix }),
  });
}
