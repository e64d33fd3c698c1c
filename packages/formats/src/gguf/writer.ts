/**
 * Writing GGUF (version 3, little-endian): the header, then tensors one by one, each padded to the alignment. The same
 * input gives the same bytes.
 */

import { InvalidArgumentError } from '@inattention/core';
import { describe, quote } from '../json/describe.ts';
import type { TensorEntry } from '../safetensors/header.ts';
import type { WrittenType } from './encode-blocks.ts';
import { padded } from './header.ts';
import { tensorTypeId, tensorTypeNamed } from './tensor-types.ts';

/** A value of metadata with the kind it is written in. */
export type WrittenValue =
  | { readonly kind: 'uint32' | 'float32'; readonly value: number }
  | { readonly kind: 'bool'; readonly value: boolean }
  | { readonly kind: 'string'; readonly value: string }
  | { readonly kind: 'strings'; readonly value: readonly string[] }
  | { readonly kind: 'int32s' | 'float32s'; readonly value: readonly number[] };

/** What the header says of a tensor; the shape is row-major, [rows, row length]. */
export interface GgufTensorLayout {
  readonly name: string;
  readonly dtype: WrittenType;
  readonly shape: readonly number[];
}

/** A header, the tensors in the order in which their bytes must follow it, and the zeros that follow each. */
export interface GgufLayout {
  readonly header: Uint8Array;
  readonly tensors: readonly TensorEntry[];
  /** Zero bytes to write after a tensor of this many bytes. */
  paddingAfter(byteLength: number): Uint8Array;
  /** Bytes of the finished file. */
  readonly totalBytes: number;
}

const alignment = 32;
const [uint32Kind, int32Kind, float32Kind, flagKind, textKind, listKind] = [4, 5, 6, 7, 8, 9];

/**
 * The header of a file whose tensors are written one by one: write `header`, then each of `tensors` encoded
 * (`encodeTensor`) and padded. Throws InvalidArgumentError for a tensor that the format cannot hold.
 */
export function layOutGguf(
  metadata: ReadonlyMap<string, WrittenValue>,
  layouts: readonly GgufTensorLayout[],
): GgufLayout {
  const out = new ByteList();
  out.bytes(new TextEncoder().encode('GGUF'));
  out.uint32(3);
  out.uint64(layouts.length);
  out.uint64(metadata.size);
  for (const [key, value] of metadata) {
    out.text(key);
    writeValue(out, value);
  }
  let offset = 0;
  const spans = layouts.map(({ name, dtype, shape }) => {
    const byteLength = bytesOf(name, dtype, shape);
    out.text(name);
    out.uint32(shape.length);
    for (const length of shape.toReversed()) out.uint64(length);
    out.uint32(tensorTypeId(dtype) as number);
    out.uint64(offset);
    const span = { name, dtype, shape: [...shape], byteOffset: offset, byteLength };
    offset = padded(offset + byteLength, alignment);
    return span;
  });
  out.bytes(new Uint8Array(padded(out.length, alignment) - out.length));
  const header = out.joined();
  const tensors = spans.map((span) => ({ ...span, byteOffset: header.length + span.byteOffset }));
  const paddingAfter = (byteLength: number) => new Uint8Array(padded(byteLength, alignment) - byteLength);
  return { header, tensors, paddingAfter, totalBytes: header.length + offset };
}

function bytesOf(name: string, dtype: WrittenType, shape: readonly number[]): number {
  const type = tensorTypeNamed(dtype);
  const size = shape.reduce((product, length) => product * length, 1);
  const rowLength = shape.at(-1) ?? 1;
  if (type !== undefined && shape.length <= 4 && Number.isSafeInteger(size) && rowLength % type.blockLength === 0) {
    return (size / type.blockLength) * type.blockBytes;
  }
  throw new InvalidArgumentError({
    what: `Tensor ${quote(name)} cannot be written as ${dtype}.`,
    got: `shape ${describe(shape)}`,
    expected: `at most 4 axes, the last a multiple of ${type?.blockLength ?? 1}`,
  });
}

function writeValue(out: ByteList, written: WrittenValue): void {
  switch (written.kind) {
    case 'strings':
      writeListHead(out, textKind, written.value.length);
      for (const text of written.value) out.text(text);
      return;
    case 'int32s':
      writeListHead(out, int32Kind, written.value.length);
      for (const number of written.value) out.int32(number);
      return;
    case 'float32s':
      writeListHead(out, float32Kind, written.value.length);
      for (const number of written.value) out.float32(number);
      return;
    case 'string':
      out.uint32(textKind);
      out.text(written.value);
      return;
    case 'bool':
      out.uint32(flagKind);
      out.bytes(Uint8Array.of(written.value ? 1 : 0));
      return;
    case 'uint32':
      out.uint32(uint32Kind);
      out.uint32(written.value);
      return;
    case 'float32':
      out.uint32(float32Kind);
      out.float32(written.value);
      return;
  }
}

function writeListHead(out: ByteList, elementKind: number, length: number): void {
  out.uint32(listKind);
  out.uint32(elementKind);
  out.uint64(length);
}

/** Bytes that grow, little-endian. */
class ByteList {
  #bytes = new Uint8Array(65_536);
  #view = new DataView(this.#bytes.buffer);
  length = 0;

  bytes(bytes: Uint8Array): void {
    const at = this.#grow(bytes.length); // before #bytes is looked at: growing replaces it
    this.#bytes.set(bytes, at);
  }

  text(text: string): void {
    const bytes = new TextEncoder().encode(text);
    this.uint64(bytes.length);
    this.bytes(bytes);
  }

  uint32(value: number): void {
    const at = this.#grow(4);
    this.#view.setUint32(at, value, true);
  }

  int32(value: number): void {
    const at = this.#grow(4);
    this.#view.setInt32(at, value, true);
  }

  float32(value: number): void {
    const at = this.#grow(4);
    this.#view.setFloat32(at, value, true);
  }

  uint64(value: number): void {
    const at = this.#grow(8);
    this.#view.setBigUint64(at, BigInt(value), true);
  }

  joined(): Uint8Array {
    return this.#bytes.slice(0, this.length);
  }

  /** Makes room for `count` more bytes; where they go. */
  #grow(count: number): number {
    const at = this.length;
    this.length += count;
    if (this.length > this.#bytes.length) {
      const larger = new Uint8Array(Math.max(this.length, this.#bytes.length * 2));
      larger.set(this.#bytes);
      this.#bytes = larger;
      this.#view = new DataView(larger.buffer);
    }
    return at;
  }
}
