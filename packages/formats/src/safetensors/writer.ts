/**
 * Writing safetensors, whole or as a stream: header padded to 8 bytes, wider dtypes first so that every tensor is aligned
 * to its element, otherwise in the given order. The same input gives the same bytes.
 */

import { encodeBfloat16, encodeFloat16, InvalidArgumentError, ShapeError } from '@inattention/core';
import { describe, quote } from '../json/describe.ts';
import { weightBytes } from './decode.ts';
import type { WeightDType } from './dtypes.ts';
import { maxHeaderBytes, type TensorEntry } from './header.ts';

/** What the header says of a tensor. */
export interface TensorLayout {
  readonly name: string;
  /** Default F32. */
  readonly dtype?: WeightDType;
  readonly shape: readonly number[];
}

export interface TensorToWrite extends TensorLayout {
  /** As many elements as the shape has, row-major. Encoded to nearest, ties to even, when the dtype is F16 or BF16. */
  readonly data: Float32Array;
}

/** A header, and the tensors in the order in which their bytes must follow it. */
export interface SafetensorsLayout {
  readonly header: Uint8Array;
  readonly tensors: readonly TensorEntry[];
  /** Bytes of the finished file. */
  readonly totalBytes: number;
}

/**
 * The header of a file whose tensors are written one by one: write `header`, then `encodeWeights` of each of `tensors`.
 * Throws InvalidArgumentError for a name given twice or reserved, ShapeError for a shape that is none.
 */
export function layOutSafetensors(
  layouts: Iterable<TensorLayout>,
  metadata: Readonly<Record<string, string>> = {},
): SafetensorsLayout {
  const list = [...layouts].map(({ name, dtype = 'F32', shape }) => ({
    name,
    dtype,
    shape,
    size: sizeOf(name, shape),
  }));
  checkNames(list.map(({ name }) => name));
  list.sort((a, b) => weightBytes(b.dtype) - weightBytes(a.dtype)); // stable
  // Joined by hand: as a key of an object, "__proto__" would vanish and "10" would move to the front.
  const members: string[] = [];
  if (Object.keys(metadata).length > 0) members.push(`"__metadata__":${JSON.stringify(metadata)}`);
  const spans: { name: string; dtype: string; shape: readonly number[]; byteOffset: number; byteLength: number }[] = [];
  let end = 0;
  for (const { name, dtype, shape, size } of list) {
    const byteLength = size * weightBytes(dtype);
    spans.push({ name, dtype, shape: [...shape], byteOffset: end, byteLength });
    const offsets = [end, end + byteLength];
    members.push(`${JSON.stringify(name)}:${JSON.stringify({ dtype, shape, data_offsets: offsets })}`);
    end += byteLength;
  }
  const json = new TextEncoder().encode(`{${members.join(',')}}`);
  const length = Math.ceil(json.length / 8) * 8;
  if (length > maxHeaderBytes) {
    throw new InvalidArgumentError({
      what: 'The safetensors header is too long.',
      got: `${length} bytes`,
      expected: `at most ${maxHeaderBytes}`,
    });
  }
  const header = new Uint8Array(8 + length).fill(0x20);
  new DataView(header.buffer).setBigUint64(0, BigInt(length), true);
  header.set(json, 8);
  const tensors = spans.map((span) => ({ ...span, byteOffset: header.length + span.byteOffset }));
  return { header, tensors, totalBytes: header.length + end };
}

/** A tensor's bytes as the file holds them. For F32 a view of `data`. */
export function encodeWeights(dtype: WeightDType, data: Float32Array): Uint8Array {
  const encoded = dtype === 'F32' ? data : dtype === 'F16' ? encodeFloat16(data) : encodeBfloat16(data);
  return new Uint8Array(encoded.buffer, encoded.byteOffset, encoded.byteLength);
}

/** A whole file in memory. Throws as `layOutSafetensors` does, and ShapeError when data does not fill its shape. */
export function writeSafetensors(
  tensors: Iterable<TensorToWrite>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  const list = [...tensors];
  const layout = layOutSafetensors(list, metadata);
  const byName = new Map(list.map((tensor) => [tensor.name, tensor]));
  for (const { name, shape, data } of list) {
    const size = sizeOf(name, shape);
    if (size !== data.length) {
      throw new ShapeError({
        what: `Tensor ${quote(name)} has data that does not fill its shape.`,
        got: `${data.length} elements`,
        expected: `${size}, for shape ${describe(shape)}`,
      });
    }
  }
  const file = new Uint8Array(layout.totalBytes);
  file.set(layout.header);
  for (const { name, byteOffset } of layout.tensors) {
    const tensor = byName.get(name);
    if (tensor !== undefined) file.set(encodeWeights(tensor.dtype ?? 'F32', tensor.data), byteOffset);
  }
  return file;
}

function checkNames(names: readonly string[]): void {
  const seen = new Set<string>();
  for (const name of names) {
    if (name === '__metadata__' || seen.has(name)) {
      throw new InvalidArgumentError({
        what: 'A tensor cannot be written under this name.',
        got: quote(name),
        expected: 'each name once, and not "__metadata__"',
      });
    }
    seen.add(name);
  }
}

function sizeOf(name: string, shape: readonly number[]): number {
  const size = shape.reduce((product, dimension) => product * dimension, 1);
  if (shape.every((dimension) => Number.isSafeInteger(dimension) && dimension >= 0) && Number.isSafeInteger(size)) {
    return size;
  }
  throw new ShapeError({
    what: `Tensor ${quote(name)} has an impossible shape.`,
    got: describe(shape),
    expected: 'whole numbers whose product stays below 2^53',
  });
}
