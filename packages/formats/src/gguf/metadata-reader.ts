/** Reads typed values out of a GGUF file's metadata, with errors that name the key, what was got and expected. */

import { InvalidConfigError } from '@inattention/core';
import { describe, quote } from '../json/describe.ts';
import type { GgufValue } from './metadata.ts';

export class MetadataReader {
  readonly #metadata: ReadonlyMap<string, GgufValue>;
  /** The file's name, for messages. */
  readonly file: string;

  constructor(metadata: ReadonlyMap<string, GgufValue>, file: string) {
    this.#metadata = metadata;
    this.file = file;
  }

  has(key: string): boolean {
    return this.#metadata.has(key);
  }

  /** The value as it is; undefined when missing. */
  get(key: string): GgufValue | undefined {
    return this.#metadata.get(key);
  }

  text(key: string, fallback?: string): string {
    const value = this.#metadata.get(key) ?? fallback;
    return typeof value === 'string' ? value : this.refuse(key, 'a text');
  }

  flag(key: string, fallback: boolean): boolean {
    const value = this.#metadata.get(key) ?? fallback;
    return typeof value === 'boolean' ? value : this.refuse(key, 'true or false');
  }

  /** A finite number. Without a default the key is required. */
  number(key: string, fallback?: number): number {
    const value = this.#metadata.get(key) ?? fallback;
    return typeof value === 'number' && Number.isFinite(value) ? value : this.refuse(key, 'a number');
  }

  /** A whole number from 0 up; of a list, one per layer, that which all agree on. */
  count(key: string, fallback?: number): number {
    const value = this.#metadata.get(key) ?? fallback;
    const list = Array.isArray(value) && value.length > 0 ? value : [value];
    const first: unknown = list[0];
    if (!Number.isSafeInteger(first) || (first as number) < 0) return this.refuse(key, 'a whole number from 0 up');
    if (list.some((other) => other !== first)) return this.refuse(key, 'the same number for all layers');
    return first as number;
  }

  /** An id; undefined when missing. */
  optionalCount(key: string): number | undefined {
    return this.#metadata.has(key) ? this.count(key) : undefined;
  }

  texts(key: string): readonly string[] {
    const value = this.#metadata.get(key);
    const isTexts = Array.isArray(value) && value.every((text) => typeof text === 'string');
    return isTexts ? (value as readonly string[]) : this.refuse(key, 'a list of texts');
  }

  numbers(key: string): readonly number[] {
    const value = this.#metadata.get(key);
    const isNumbers = Array.isArray(value) && value.every((number) => typeof number === 'number');
    return isNumbers ? (value as readonly number[]) : this.refuse(key, 'a list of numbers');
  }

  /** Throws InvalidConfigError about a key. */
  refuse(key: string, expected: string): never {
    const value = this.#metadata.get(key);
    throw new InvalidConfigError({
      what: `${this.file}: the metadata ${quote(key)} ${value === undefined ? 'is missing' : 'cannot be used'}.`,
      got: describe(typeof value === 'bigint' ? String(value) : value),
      expected,
      fix: 'convert the model again with a current llama.cpp, or take another file of it',
    });
  }
}
