/** Flags of `inattention bench`: texts into values. Each throws commander's error, which ends with status 2. */

import { type WeightDType, weightDTypes } from '@inattention/core/math';
import { InvalidArgumentError as BadFlag } from 'commander';
import { type BackendName, backendNames } from './backend-names.ts';
import type { Task } from './quality/tasks/task.ts';
import { tasks } from './quality/tasks/task-plan.ts';
import { formatTokens } from './report/units.ts';
import { type Variant, type WarmUpKind, warmUpKinds } from './result.ts';
import { type Shape, sweepShapes } from './shapes.ts';

export const variantNames: readonly Variant[] = ['self', 'tables', 'kv', 'states', 'ids'];

const longest = 4_000_000;

export function parseLength(text: string): number {
  const match = /^(\d+)(Ki)?$/i.exec(text.trim());
  const tokens = Number(match?.[1]) * (match?.[2] === undefined ? 1 : 1024);
  if (match === null || tokens < 1 || tokens > longest) {
    throw new BadFlag(`"${text}" is no number of tokens from 1 to ${formatTokens(longest)}, such as 4096 or 4Ki.`);
  }
  return tokens;
}

/** A length as a flag: 4Ki, 1000. */
export function lengthFlag(tokens: number): string {
  return tokens % 1024 === 0 ? `${tokens / 1024}Ki` : String(tokens);
}

export function parseLengths(text: string): number[] {
  return text.split(',').map(parseLength);
}

export function parseVariants(text: string): Variant[] {
  return text.split(',').map((name) => {
    const variant = variantNames.find((known) => known === name.trim());
    if (variant === undefined) throw new BadFlag(`"${name}" is none of ${variantNames.join(', ')}.`);
    return variant;
  });
}

export function parseBackend(text: string): BackendName | 'auto' {
  const name = (['auto', ...backendNames] as const).find((known) => known === text);
  if (name === undefined) throw new BadFlag(`It is auto or one of ${backendNames.join(', ')}.`);
  return name;
}

export function parseShape(text: string): Shape {
  const shape = sweepShapes.find(({ name }) => name === text);
  if (shape === undefined) throw new BadFlag(`It is one of ${sweepShapes.map(({ name }) => name).join(', ')}.`);
  return shape;
}

export function parseDtype(text: string): 'f32' | 'f16' {
  if (text !== 'f32' && text !== 'f16') throw new BadFlag('It is f32 or f16.');
  return text;
}

export function parseWeightDtype(text: string): WeightDType {
  const dtype = weightDTypes.find((known) => known === text);
  if (dtype === undefined) throw new BadFlag(`It is one of ${weightDTypes.join(', ')}.`);
  return dtype;
}

export function parseWarmUp(text: string): WarmUpKind {
  const kind = warmUpKinds.find((known) => known === text);
  if (kind === undefined) throw new BadFlag(`It is one of ${warmUpKinds.join(', ')}.`);
  return kind;
}

export function parseCount(text: string): number {
  const value = Number(text);
  if (!Number.isSafeInteger(value) || value < 1) throw new BadFlag('It is a whole number from 1 up.');
  return value;
}

const byteUnits: Readonly<Record<string, number>> = {
  ...{ KB: 1e3, MB: 1e6, GB: 1e9, KIB: 2 ** 10, MIB: 2 ** 20, GIB: 2 ** 30 },
  ...{ B: 1, '': 1 },
};

/** Bytes that a WebAssembly memory can have in all: 3000000000, 3GB, 512MiB. */
export function parseMemory(text: string): number {
  const match = /^(\d+) ?([a-z]*)$/i.exec(text.trim());
  const value = Number(match?.[1]) * (byteUnits[match?.[2]?.toUpperCase() ?? ''] ?? Number.NaN);
  if (!(value >= 2 ** 17 && value <= 2 ** 32)) {
    throw new BadFlag('It is a number of bytes from 128KiB to 4GiB, such as 3GB or 512MiB.');
  }
  return value;
}

export function parseThreads(text: string): number[] {
  return text.split(',').map(parseCount);
}

/** Names of the tasks of --quality. */
export const taskNames = tasks.map(({ name }) => name).join(', ');

export function parseTasks(text: string): Task[] {
  return parseNames(text).map((name) => {
    const task = tasks.find((known) => known.name === name);
    if (task === undefined) throw new BadFlag(`"${name}" is none of ${taskNames}.`);
    return task;
  });
}

export function parseNames(text: string): string[] {
  const names = text.split(',').map((name) => name.trim());
  if (names.includes('') || new Set(names).size < names.length)
    throw new BadFlag('They are different names or folders.');
  return names;
}

/** Different layers, in order. */
export function parseLayers(text: string): number[] {
  const layers = text.split(',').map((layer) => (/^\s*\d{1,6}\s*$/.test(layer) ? Number(layer) : Number.NaN));
  if (layers.some(Number.isNaN) || new Set(layers).size < layers.length) {
    throw new BadFlag('It is different numbers of layers, such as 22,28,9.');
  }
  return layers;
}

export function parseRate(text: string): number {
  const value = Number(text);
  if (!(value > 0 && Number.isFinite(value))) throw new BadFlag('It is a number above 0.');
  return value;
}
