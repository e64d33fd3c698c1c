/**
 * The header of a safetensors file: eight bytes of length, then JSON (https://github.com/huggingface/safetensors).
 * Everything in it is taken for hostile: lengths, names, shapes and offsets are checked against the file before use.
 */

import { InvalidFileError } from '@inattention/core';
import { parseJson } from '../sources/byte-source.ts';
import { duplicateKey } from './duplicate-keys.ts';

/** Longest header accepted, as in the reference implementation. */
export const maxHeaderBytes = 100_000_000;

/** Bytes per element by dtype name. */
const dtypeBytes: ReadonlyMap<string, number> = new Map([
  ['F64', 8],
  ['I64', 8],
  ['U64', 8],
  ['F32', 4],
  ['I32', 4],
  ['U32', 4],
  ['F16', 2],
  ['BF16', 2],
  ['I16', 2],
  ['U16', 2],
  ['F8_E4M3', 1],
  ['F8_E5M2', 1],
  ['I8', 1],
  ['U8', 1],
  ['BOOL', 1],
]);

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
  readonly tensors: ReadonlyMap<string, TensorEntry>;
  readonly metadata: ReadonlyMap<string, string>;
}

/** Checks a header's JSON against the file it is in. `dataStart` is the first byte after it. */
export function parseHeader(bytes: Uint8Array, file: string, dataStart: number, fileSize: number): SafetensorsHeader {
  const refuse = (what: string, got?: string, expected?: string): never => {
    throw new InvalidFileError({
      what: `${file}: ${what}`,
      ...(got !== undefined && { got }),
      ...(expected !== undefined && { expected }),
      fix: 'the file is damaged or was not written as safetensors: download or export it again',
    });
  };
  const json = parseJson(bytes, `${file}: the safetensors header`);
  if (!isRecord(json)) return refuse('the header is not a JSON object.');
  const twice = duplicateKey(new TextDecoder().decode(bytes));
  if (twice !== null) refuse('a name appears twice in the header.', quote(twice));
  const metadata = new Map<string, string>();
  const tensors = new Map<string, TensorEntry>();
  for (const [name, entry] of Object.entries(json)) {
    if (name === '__metadata__') {
      if (!isRecord(entry)) refuse('__metadata__ is not an object.');
      for (const [key, value] of Object.entries(entry as object)) {
        if (typeof value !== 'string') refuse(`__metadata__ holds something else than text at ${quote(key)}.`);
        metadata.set(key, String(value));
      }
      continue;
    }
    tensors.set(name, parseEntry(name, entry, dataStart, fileSize, refuse));
  }
  checkLayout([...tensors.values()], dataStart, fileSize, refuse);
  return { tensors, metadata };
}

type Refuse = (what: string, got?: string, expected?: string) => never;

function parseEntry(name: string, entry: unknown, dataStart: number, fileSize: number, refuse: Refuse): TensorEntry {
  const where = `tensor ${quote(name)}`;
  if (!isRecord(entry)) return refuse(`${where} is not described by an object.`);
  const { dtype, shape, data_offsets: offsets } = entry;
  const elementBytes = typeof dtype === 'string' ? dtypeBytes.get(dtype) : undefined;
  if (typeof dtype !== 'string' || elementBytes === undefined) {
    return refuse(`${where} has an unknown dtype.`, quote(String(dtype)), [...dtypeBytes.keys()].join(', '));
  }
  if (!Array.isArray(shape) || shape.length > 8 || !shape.every(isCount)) {
    return refuse(`${where} has an impossible shape.`, JSON.stringify(shape)?.slice(0, 100));
  }
  if (!Array.isArray(offsets) || offsets.length !== 2 || !offsets.every(isCount) || offsets[0] > offsets[1]) {
    return refuse(`${where} has impossible data_offsets.`, JSON.stringify(offsets)?.slice(0, 100));
  }
  const [begin, end] = offsets as [number, number];
  if (dataStart + end > fileSize) {
    return refuse(`${where} reaches beyond the file.`, `byte ${dataStart + end}`, `at most ${fileSize}`);
  }
  const byteLength = shape.reduce((size: number, dimension: number) => size * dimension, 1) * elementBytes;
  if (byteLength !== end - begin) {
    return refuse(`${where} has offsets that do not fit its shape.`, `${end - begin} bytes`, `${byteLength} bytes`);
  }
  return { name, dtype, shape: shape as number[], byteOffset: dataStart + begin, byteLength };
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

function isCount(value: unknown): value is number {
  return Number.isSafeInteger(value) && (value as number) >= 0;
}

export function isRecord(value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value);
}

/** A name from outside, made safe and short for a message. */
export function quote(text: string): string {
  return JSON.stringify(text.length > 120 ? `${text.slice(0, 120)}…` : text);
}
