/**
 * Weights in blocks of 32 as GGUF files hold them (core's tensor/weight-blocks.ts): q4_1, 20 bytes of f16 scale, f16
 * minimum and pairs of 4-bit integers; q8_0, 34 bytes of f16 scale and 8-bit integers. Their integers in the vectors of
 * activation-blocks.ts, their scales as floats, and whole rows as floats.
 */

import { halves4 } from './vector';

/** How `storage` (storage.ts) says q4_1 and q8_0. */
@inline
export const storageQ41: i32 = -1;
@inline
export const storageQ80: i32 = -2;

/** Bytes of a block. */
@inline
export function weightBlockBytes(storage: i32): usize {
  return storage == storageQ41 ? 20 : 34;
}

/** Vector `part` of a block's integers in 16 bits; `pairs` are the sixteen bytes of q4_1's, `nibble` is 15 in each lane. */
@inline
export function integersOf(block: usize, pairs: v128, part: i32, storage: i32, nibble: v128): v128 {
  if (storage == storageQ80) return v128.load_ext<i8>(block + 2 + ((<usize>part) << 3));
  if (part == 0) return v128.and(pairs, nibble);
  if (part == 3) return i16x8.shr_u(pairs, 12);
  return v128.and(i16x8.shr_u(pairs, part << 2), nibble);
}

/** Scale and minimum (q4_1) or scale (q8_0, the upper half is of no meaning) of four blocks, in 32 bits each. */
@inline
export function fourHeads(b0: usize, b1: usize, b2: usize, b3: usize, storage: i32): v128 {
  if (storage == storageQ41) {
    let heads = v128.load32_zero(b0);
    heads = v128.load32_lane(b1, heads, 1);
    heads = v128.load32_lane(b2, heads, 2);
    return v128.load32_lane(b3, heads, 3);
  }
  let heads = v128.load16_splat(b0);
  heads = v128.load16_lane(b1, heads, 2);
  heads = v128.load16_lane(b2, heads, 4);
  return v128.load16_lane(b3, heads, 6);
}

/** The lower halves of four heads as floats; halves are finite. `mask` 0x8fffe000 and `factor` 2¹¹² in each lane. */
@inline
export function scalesOf(heads: v128, mask: v128, factor: v128): v128 {
  return f32x4.mul(v128.and(i32x4.shr_s(i32x4.shl(heads, 16), 3), mask), factor);
}

/** The upper halves. */
@inline
export function minimumsOf(heads: v128, mask: v128, factor: v128): v128 {
  return f32x4.mul(v128.and(i32x4.shr_s(heads, 3), mask), factor);
}

/** A row of `blocks` blocks as f32 into `out`, added to what is there with `add`. Each number is rounded once. */
export function expandWeightBlocks(out: usize, row: usize, storage: i32, blocks: i32, add: bool): void {
  const blockBytes = weightBlockBytes(storage);
  const nibble = i8x16.splat(15);
  let block = row;
  let target = out;
  for (let b = 0; b < blocks; b += 1) {
    const scale = halves4(i32x4.splat(<i32>load<u16>(block)));
    if (storage == storageQ41) {
      const minimum = halves4(i32x4.splat(<i32>load<u16>(block, 2)));
      const pairs = v128.load(block, 4);
      putSixteen(target, v128.and(pairs, nibble), scale, minimum, add);
      putSixteen(target + 64, i8x16.shr_u(pairs, 4), scale, minimum, add);
    } else {
      const none = f32x4.splat(-0.0); // changes no number, not even −0
      putSixteen(target, v128.load(block, 2), scale, none, add);
      putSixteen(target + 64, v128.load(block, 18), scale, none, add);
    }
    block += blockBytes;
    target += 128;
  }
}

/** scale · q + minimum of sixteen signed bytes. */
@inline
function putSixteen(out: usize, bytes: v128, scale: v128, minimum: v128, add: bool): void {
  const low = i16x8.extend_low_i8x16_s(bytes);
  const high = i16x8.extend_high_i8x16_s(bytes);
  put(out, i32x4.extend_low_i16x8_s(low), scale, minimum, add);
  put(out + 16, i32x4.extend_high_i16x8_s(low), scale, minimum, add);
  put(out + 32, i32x4.extend_low_i16x8_s(high), scale, minimum, add);
  put(out + 48, i32x4.extend_high_i16x8_s(high), scale, minimum, add);
}

@inline
function put(out: usize, integers: v128, scale: v128, minimum: v128, add: bool): void {
  const value = f32x4.add(f32x4.mul(f32x4.convert_i32x4_s(integers), scale), minimum);
  v128.store(out, add ? f32x4.add(v128.load(out), value) : value);
}
