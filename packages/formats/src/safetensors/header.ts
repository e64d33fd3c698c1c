/**
 * The header of a safetensors file: eight bytes of length, then JSON (https://github.com/huggingface/safetensors).
 * Everything in it is taken for hostile: lengths, names, shapes and offsets are checked against the file before use.
 */

import { InvalidFileError } from '@inattention/core';
import { describe, isRecord, quote } from '../json/describe.ts';
import { parseJson } from '../json/parse-json.ts';
import { bitsPerElement, dtypeNames } from './dtypes.ts';

/** Longest header accepted, as in the reference implementation. */
export const maxHeaderBytes = 100_000_000;

/** One tensor of a file. */
export interface TensorEntry {
  readonly name: string;
  /** The file's name of the dtype: F32, F16, BF16, … */
  readonly dtype: string;
  readonly shape: readonly number[];
  /** Where its bytes start in the file. */
  readonly byteOffset: number;
  readonly byteLength: number;
}

export interface SafetensorsHeader {
  /** By name, in the order of the file's header. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  /** The header's `__metadata__`. */
  readonly metadata: ReadonlyMap<string, string>;
}

type Refuse = (what: string, got?: string, expected?: string) => never;

/**
 * Checks a header's JSON against the file it is in. `dataStart` is the first byte after it.
 * Throws InvalidFileError, also for what the reference implementation would refuse: holes, overlaps, bytes left over.
 */
export function parseHeader(bytes: Uint8Array, file: string, dataStart: number, fileSize: number): SafetensorsHeader {
  const refuse: Refuse = (what, got, expected) => {
    throw new InvalidFileError({
      what: `${file}: ${what}`,
      ...(got !== undefined && { got }),
      ...(expected !== undefined && { expected }),
      fix: 'the file is damaged or was not written as safetensors: download or export it again',
    });
  };
  if (bytes[0] !== 0x7b) return refuse('the header does not start with "{".');
  const json = parseJson(bytes, { name: `${file}: the safetensors header`, uniqueKeys: true });
  if (!isRecord(json)) return refuse('the header is not a JSON object.');
  const metadata = new Map<string, string>();
  const tensors = new Map<string, TensorEntry>();
  for (const [name, entry] of Object.entries(json)) {
    if (name !== '__metadata__') {
      tensors.set(name, parseEntry(name, entry, dataStart, fileSize, refuse));
      continue;
    }
    if (entry === null) continue;
    if (!isRecord(entry)) return refuse('__metadata__ is not an object.', describe(entry));
    for (const [key, value] of Object.entries(entry)) {
      if (typeof value !== 'string') return refuse(`__metadata__ holds no text at ${quote(key)}.`, describe(value));
      metadata.set(key, value);
    }
  }
  checkLayout([...tensors.values()], dataStart, fileSize, refuse);
  return { tensors, metadata };
}

function parseEntry(name: string, entry: unknown, dataStart: number, fileSize: number, refuse: Refuse): TensorEntry {
  const where = `tensor ${quote(name)}`;
  if (!isRecord(entry)) return refuse(`${where} is not described by an object.`, describe(entry));
  const { dtype, shape, data_offsets: offsets } = entry;
  const elementBits = typeof dtype === 'string' ? bitsPerElement(dtype) : undefined;
  if (typeof dtype !== 'string' || elementBits === undefined) {
    return refuse(`${where} has an unknown dtype.`, describe(dtype), dtypeNames.join(', '));
  }
  if (!isShape(shape)) return refuse(`${where} has an impossible shape.`, describe(shape));
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount) || offsets[0] > offsets[1]) {
    return refuse(`${where} has impossible data_offsets.`, describe(offsets), '[begin, end]');
  }
  const [begin, end] = offsets;
  if (end > fileSize - dataStart) {
    return refuse(`${where} reaches beyond the file.`, `byte ${dataStart + end}`, `at most ${fileSize}`);
  }
  const byteLength = (shape.reduce((size, dimension) => size * dimension, 1) * elementBits) / 8;
  if (byteLength !== end - begin) {
    return refuse(`${where} has offsets that do not fit its shape.`, `${end - begin} bytes`, `${byteLength} bytes`);
  }
  return { name, dtype, shape, byteOffset: dataStart + begin, byteLength };
}

/** Tensors must follow one another without holes or overlaps, to the end of the file. */
function checkLayout(entries: TensorEntry[], dataStart: number, fileSize: number, refuse: Refuse): void {
  entries.sort((a, b) => a.byteOffset - b.byteOffset || a.byteLength - b.byteLength);
  let next = dataStart;
  for (const { name, byteOffset, byteLength } of entries) {
    if (byteOffset !== next) {
      refuse(
        `tensor ${quote(name)} ${byteOffset < next ? 'overlaps the one before' : 'leaves a hole before it'}.`,
        `byte ${byteOffset}`,
        `byte ${next}`,
      );
    }
    next = byteOffset + byteLength;
  }
  if (next !== fileSize) refuse('bytes are left over after the last tensor.', `${fileSize - next} bytes`);
}

/** True for dimensions whose product, taken step by step, is exact; 0 among them does not excuse the others. */
function isShape(value: unknown): value is readonly number[] {
  if (!Array.isArray(value) || !value.every(isCount)) return false;
  let size = 1;
  return value.every((dimension: number) => {
    size *= dimension;
    return Number.isSafeInteger(size);
  });
}

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0 && !Object.is(value, -0);
}
