/** A GGUF tensor's blocks as backends keep them: the same numbers, in another arrangement where need be. */

import { type BlockDType, decodeFloat16, encodeFloat16 } from '@inattention/core';

const blockLength = 32;

/** Bytes of a block, as stored. */
const blockBytes: Readonly<Record<string, number>> = { Q4_0: 18, Q4_1: 20, Q8_0: 34 };

/** Q8_0 blocks with integers and scales in arrays of their own, as backends keep i8; nothing is rounded. */
export function splitQ80(bytes: Uint8Array): { readonly values: Int8Array; readonly scales: Float32Array } {
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  const values = new Int8Array((bytes.length / 34) * blockLength);
  for (let from = 2, to = 0; to < values.length; from += 34, to += blockLength) {
    values.set(signed.subarray(from, from + blockLength), to);
  }
  return { values, scales: decodeFloat16(blockHalves('Q8_0', bytes)) };
}

/**
 * Blocks of a tensor of `type` as those of `dtype`, bit for bit; Q4_0 gets the minimum −8 d. null where `type` has other
 * blocks, or a scale so large that f16 does not hold its minimum.
 */
export function blocksAs(dtype: BlockDType, type: string, bytes: Uint8Array): Uint8Array | null {
  if (type.toLowerCase() === dtype) return bytes;
  if (type !== 'Q4_0' || dtype !== 'q4_1') return null;
  const minimums = encodeFloat16(decodeFloat16(blockHalves(type, bytes)).map((scale) => -8 * scale));
  if (minimums.some((half) => (half & 0x7c00) === 0x7c00)) return null;
  const out = new Uint8Array(minimums.length * 20);
  minimums.forEach((minimum, block) => {
    const to = block * 20;
    const from = block * 18;
    out.set(bytes.subarray(from, from + 2), to);
    out[to + 2] = minimum & 255;
    out[to + 3] = minimum >>> 8;
    out.set(bytes.subarray(from + 2, from + 18), to + 4);
  });
  return out;
}

/** The f16 at byte `offset` of each block. */
export function blockHalves(type: string, bytes: Uint8Array, offset = 0): Uint16Array {
  const step = blockBytes[type] as number;
  const halves = new Uint16Array(bytes.length / step);
  for (let block = 0, at = offset; block < halves.length; block += 1, at += step) {
    halves[block] = (bytes[at] as number) | ((bytes[at + 1] as number) << 8);
  }
  return halves;
}
