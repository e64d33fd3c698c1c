/** Values of flags, from text. A bad one is bad usage: exit status 2. */

import { InvalidArgumentError } from 'commander';

const sizes: Readonly<Record<string, number>> = {
  '': 1,
  B: 1,
  KB: 1e3,
  MB: 1e6,
  GB: 1e9,
  TB: 1e12,
  KIB: 2 ** 10,
  MIB: 2 ** 20,
  GIB: 2 ** 30,
  TIB: 2 ** 40,
};

/** Bytes: 1500000, 8GB, 512MiB. */
export function bytes(text: string): number {
  const match = /^(\d+(?:\.\d+)?)\s*([a-z]*)$/i.exec(text.trim());
  const unit = sizes[(match?.[2] ?? '?').toUpperCase()];
  const value = Math.floor(Number(match?.[1]) * (unit ?? Number.NaN));
  if (!Number.isSafeInteger(value)) throw new InvalidArgumentError('It is a number of bytes, such as 8GB or 512MiB.');
  return value;
}

/** A whole number from `least` up. */
export function count(least: number): (text: string) => number {
  return (text) => {
    const value = /^\d+$/.test(text.trim()) ? Number(text) : Number.NaN;
    if (!Number.isSafeInteger(value) || value < least) {
      throw new InvalidArgumentError(`It is a whole number from ${least} up.`);
    }
    return value;
  };
}

/** A finite number. */
export function number(text: string): number {
  const value = text.trim() === '' ? Number.NaN : Number(text);
  if (!Number.isFinite(value)) throw new InvalidArgumentError('It is a number.');
  return value;
}

/** A finite number from 0 up. */
export function notNegative(text: string): number {
  const value = number(text);
  if (value < 0) throw new InvalidArgumentError('It is a number from 0 up.');
  return value;
}

/** A finite number above 0. */
export function positive(text: string): number {
  const value = number(text);
  if (value <= 0) throw new InvalidArgumentError('It is a number above 0.');
  return value;
}

/** A number from 0 to 1. */
export function fraction(text: string): number {
  const value = number(text);
  if (value < 0 || value > 1) throw new InvalidArgumentError('It is a number from 0 to 1.');
  return value;
}

/** Comma-separated numbers of different layers. */
export function layers(text: string): number[] {
  const found = text.split(',').map(count(0));
  if (new Set(found).size < found.length) throw new InvalidArgumentError('It names a layer once.');
  return found;
}

/** A number from 0 up and below 1. */
export function share(text: string): number {
  const value = number(text);
  if (value < 0 || value >= 1) throw new InvalidArgumentError('It is a number from 0 up and below 1.');
  return value;
}

/** Comma-separated whole numbers. */
export function positions(text: string): number[] {
  return text.split(',').map(count(0));
}

/** Collects a flag that may be given several times. */
export function collect(text: string, before: readonly string[] = []): string[] {
  return [...before, text];
}
