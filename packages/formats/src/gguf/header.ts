/**
 * The header of a GGUF file (https://github.com/ggml-org/ggml/blob/master/docs/gguf.md): counts, metadata, and where each
 * tensor lies. Everything in it is taken for hostile: each length is checked against the file before anything of that length is made,
 * and tensors must lie in the file, aligned, without overlaps or holes, as llama.cpp demands.
 */

import { InvalidFileError, throwIfAborted, UnsupportedError } from '@inattention/core';
import { quote } from '../json/describe.ts';
import type { TensorEntry } from '../safetensors/header.ts';
import type { ReadOptions } from '../safetensors/reader.ts';
import type { ByteSource } from '../sources/byte-source.ts';
import { ByteCursor } from './byte-cursor.ts';
import { damaged } from './damaged.ts';
import { type GgufValue, readText, readValue } from './metadata.ts';
import { tensorTypeOf } from './tensor-types.ts';

/** Longest header read: several times that of the largest vocabularies. */
const maxHeaderBytes = 256 * 2 ** 20;

/** Upper limits: far above any model in use. */
const maxTensors = 1_000_000;
const maxKeys = 100_000;
const maxNameBytes = 1024;
const maxKeyBytes = 65_535;
const maxDimensions = 4;
const maxAlignment = 2 ** 20;

export interface GgufHeader {
  readonly version: number;
  readonly metadata: ReadonlyMap<string, GgufValue>;
  /** By name in the file, in its order; the shape is row-major, [rows, row length], so the reverse of the file's. */
  readonly tensors: ReadonlyMap<string, TensorEntry>;
}

/**
 * Reads and checks a header; no tensor is read. Throws InvalidFileError, UnsupportedError (big-endian files, version 1,
 * unknown tensor types), AbortedError.
 */
export async function readGgufHeader(source: ByteSource, { signal }: ReadOptions = {}): Promise<GgufHeader> {
  throwIfAborted(signal, `Opening ${source.name}`);
  const cursor = new ByteCursor(source, maxHeaderBytes, signal);
  const version = await readVersion(cursor, source.name);
  await cursor.need(16);
  const tensorCount = readCount(cursor, source.name, 'tensors', maxTensors);
  const keyCount = readCount(cursor, source.name, 'metadata keys', maxKeys);
  const metadata = new Map<string, GgufValue>();
  for (let i = 0; i < keyCount; i += 1) {
    const key = await readText(cursor, `${source.name}: a metadata key`, maxKeyBytes);
    if (key === '' || metadata.has(key))
      throw damaged(source.name, 'a metadata key is empty or there twice', quote(key));
    metadata.set(key, await readValue(cursor, `${source.name}: ${quote(key)}`));
  }
  const described: Described[] = [];
  for (let i = 0; i < tensorCount; i += 1) described.push(await readDescription(cursor, source.name));
  const alignment = alignmentOf(metadata, source.name);
  const dataStart = padded(cursor.position, alignment);
  return { version, metadata, tensors: placeTensors(described, source, dataStart, alignment) };
}

/** A tensor as the file describes it: its offset counts from the start of the data. */
interface Described extends Omit<TensorEntry, 'byteOffset'> {
  readonly offset: number;
}

async function readVersion(cursor: ByteCursor, file: string): Promise<number> {
  if (cursor.remaining < 24) throw damaged(file, 'it is too short for a GGUF file', `${cursor.remaining} bytes`);
  await cursor.need(8);
  const magic = String.fromCharCode(...cursor.bytes(4));
  if (magic !== 'GGUF') throw damaged(file, 'it does not start with "GGUF"', quote(magic), 'a GGUF file, or a folder');
  const version = cursor.uint32();
  if (version === 2 || version === 3) return version;
  const swapped = version >>> 24 === 2 || version >>> 24 === 3;
  throw new UnsupportedError({
    what: `${file} is a GGUF file ${swapped ? 'for big-endian machines' : 'of an unknown version'}.`,
    got: swapped ? `version ${version >>> 24}, bytes swapped` : `version ${version}`,
    expected: 'version 2 or 3, little-endian',
    fix: 'convert the model again with a current llama.cpp',
  });
}

function readCount(cursor: ByteCursor, file: string, what: string, most: number): number {
  const count = cursor.uint64();
  if (count > BigInt(most)) throw damaged(file, `it claims more ${what} than can be`, String(count), `at most ${most}`);
  return Number(count);
}

async function readDescription(cursor: ByteCursor, file: string): Promise<Described> {
  const name = await readText(cursor, `${file}: a tensor's name`, maxNameBytes);
  const where = `tensor ${quote(name)}`;
  await cursor.need(4);
  const rank = cursor.uint32();
  if (rank > maxDimensions)
    throw damaged(file, `${where} has too many dimensions`, String(rank), `at most ${maxDimensions}`);
  await cursor.need(rank * 8 + 12);
  const lengths = Array.from({ length: rank }, cursor.uint64);
  const typeId = cursor.uint32();
  const offset = cursor.uint64();
  const type = tensorTypeOf(typeId);
  if (type === undefined) {
    throw new UnsupportedError({ what: `${file}: ${where} has an unknown type.`, got: `type ${typeId}` });
  }
  const size = lengths.reduce((product, length) => product * length, 1n);
  if (lengths.some((length) => length === 0n || length > 2n ** 48n) || size > 2n ** 48n) {
    throw damaged(file, `${where} has an impossible shape`, `[${lengths.reverse().join(', ')}]`);
  }
  const shape = lengths.map(Number).reverse(); // ggml lists the innermost dimension first
  const rowLength = shape.at(-1) ?? 1;
  if (rowLength % type.blockLength !== 0) {
    const expected = `a multiple of ${type.blockLength}, as ${type.name} has it`;
    throw damaged(file, `${where} has rows that are not whole blocks`, `${rowLength} elements`, expected);
  }
  if (offset > BigInt(Number.MAX_SAFE_INTEGER))
    throw damaged(file, `${where} lies beyond the file`, `offset ${offset}`);
  const byteLength = (Number(size) / type.blockLength) * type.blockBytes;
  return { name, dtype: type.name, shape, offset: Number(offset), byteLength };
}

function alignmentOf(metadata: ReadonlyMap<string, GgufValue>, file: string): number {
  const alignment = metadata.get('general.alignment') ?? 32;
  const valid = typeof alignment === 'number' && Number.isInteger(Math.log2(alignment)) && alignment <= maxAlignment;
  if (!valid || alignment < 1) {
    throw damaged(file, 'general.alignment cannot be used', String(alignment), `a power of two up to ${maxAlignment}`);
  }
  return alignment;
}

/** Tensors must follow one another, each at the next multiple of the alignment, and end within the file. */
function placeTensors(
  described: readonly Described[],
  source: ByteSource,
  dataStart: number,
  alignment: number,
): ReadonlyMap<string, TensorEntry> {
  const tensors = new Map<string, TensorEntry>();
  for (const { offset, ...tensor } of described) {
    if (tensors.has(tensor.name)) throw damaged(source.name, 'two tensors have one name', quote(tensor.name));
    tensors.set(tensor.name, { ...tensor, byteOffset: dataStart + offset });
  }
  let next = dataStart;
  for (const { name, byteOffset, byteLength } of [...tensors.values()].sort((a, b) => a.byteOffset - b.byteOffset)) {
    if (byteOffset !== next) {
      const fault = byteOffset < next ? 'overlaps the one before, or is not aligned' : 'leaves a hole before it';
      throw damaged(source.name, `tensor ${quote(name)} ${fault}`, `byte ${byteOffset}`, `byte ${next}`);
    }
    if (byteOffset + byteLength > source.size) {
      const fix = 'the file is truncated: download it again';
      throw new InvalidFileError({
        what: `${source.name}: tensor ${quote(name)} reaches beyond the file.`,
        got: `byte ${byteOffset + byteLength}`,
        expected: `at most ${source.size}`,
        fix,
      });
    }
    next = padded(byteOffset + byteLength, alignment);
  }
  return tensors;
}

/** The next multiple of `alignment`. */
export function padded(offset: number, alignment: number): number {
  return Math.ceil(offset / alignment) * alignment;
}
