/**
 * Values of GGUF metadata: numbers, flags, texts and lists of them. 64-bit numbers that a double holds exactly come as
 * numbers, others as bigint.
 */

import type { ByteCursor } from './byte-cursor.ts';
import { damaged } from './damaged.ts';

export type GgufValue = string | number | bigint | boolean | readonly GgufValue[];

/** Longest list: above any vocabulary. */
const maxListLength = 2 ** 24;
/** Longest text: a chat template has some kilobytes. */
const maxTextBytes = 16 * 2 ** 20;
/** Lists of lists are allowed by the format and used by nobody. */
const maxDepth = 4;

interface Kind {
  readonly bytes: number;
  readonly read: (cursor: ByteCursor) => string | number | bigint | boolean;
}

/** Kinds of fixed size, by their numbers in files. */
const fixedKinds: ReadonlyMap<number, Kind> = new Map<number, Kind>([
  [0, { bytes: 1, read: (cursor) => cursor.uint8() }],
  [1, { bytes: 1, read: (cursor) => cursor.int8() }],
  [2, { bytes: 2, read: (cursor) => cursor.uint16() }],
  [3, { bytes: 2, read: (cursor) => cursor.int16() }],
  [4, { bytes: 4, read: (cursor) => cursor.uint32() }],
  [5, { bytes: 4, read: (cursor) => cursor.int32() }],
  [6, { bytes: 4, read: (cursor) => cursor.float32() }],
  [7, { bytes: 1, read: (cursor) => cursor.uint8() !== 0 }],
  [10, { bytes: 8, read: (cursor) => narrow(cursor.uint64()) }],
  [11, { bytes: 8, read: (cursor) => narrow(cursor.int64()) }],
  [12, { bytes: 8, read: (cursor) => cursor.float64() }],
]);
const textKind = 8;
const listKind = 9;

/** A value with its kind before it. `where` names it in messages. Throws InvalidFileError. */
export async function readValue(cursor: ByteCursor, where: string): Promise<GgufValue> {
  await cursor.need(4);
  return readOfKind(cursor, cursor.uint32(), where, 0);
}

/** A text of at most `most` bytes. Throws InvalidFileError, also for what is no UTF-8. */
export async function readText(cursor: ByteCursor, where: string, most = maxTextBytes): Promise<string> {
  if (!cursor.has(8)) await cursor.need(8);
  const length = cursor.uint64();
  if (length > BigInt(most) || Number(length) > cursor.remaining) {
    throw damaged(where, 'the text is longer than can be', `${length} bytes`, `at most ${most}, within the file`);
  }
  if (!cursor.has(Number(length))) await cursor.need(Number(length));
  const bytes = cursor.bytes(Number(length));
  try {
    return decoder.decode(bytes);
  } catch {
    throw damaged(where, 'the text is not UTF-8', `bytes ${[...bytes.subarray(0, 16)].join(' ')}`);
  }
}

/** ignoreBOM keeps a byte-order mark as the character it is. */
const decoder = new TextDecoder('utf-8', { fatal: true, ignoreBOM: true });

async function readOfKind(cursor: ByteCursor, kind: number, where: string, depth: number): Promise<GgufValue> {
  const fixed = fixedKinds.get(kind);
  if (fixed !== undefined) {
    await cursor.need(fixed.bytes);
    return fixed.read(cursor);
  }
  if (kind === textKind) return readText(cursor, where);
  if (kind === listKind) return readList(cursor, where, depth);
  throw damaged(where, 'the value is of an unknown kind', String(kind), '0 to 12');
}

async function readList(cursor: ByteCursor, where: string, depth: number): Promise<readonly GgufValue[]> {
  if (depth === maxDepth)
    throw damaged(where, 'lists are nested too deep', `${depth + 1} levels`, `at most ${maxDepth}`);
  await cursor.need(12);
  const kind = cursor.uint32();
  const length = Number(cursor.uint64());
  const fixed = fixedKinds.get(kind);
  // A text takes 8 bytes at least, a list 12: a length that cannot be in the file is refused before anything is made.
  const least = fixed?.bytes ?? (kind === listKind ? 12 : 8);
  if (length > maxListLength || length * least > cursor.remaining) {
    throw damaged(
      where,
      'the list is longer than can be',
      `${length} values`,
      `at most ${maxListLength}, within the file`,
    );
  }
  const values: GgufValue[] = [];
  for (let i = 0; i < length; i += 1) {
    if (fixed !== undefined && cursor.has(fixed.bytes)) values.push(fixed.read(cursor));
    else values.push(await readOfKind(cursor, kind, where, depth + 1));
  }
  return values;
}

function narrow(value: bigint): number | bigint {
  const number = Number(value);
  return Number.isSafeInteger(number) ? number : value;
}
