/**
 * Dot products of rounded activations (activation-blocks.ts) with four rows of weights in blocks (weight-blocks.ts): lane j
 * is Σ over blocks of d·d_j·Σ q·q_j (+ m_j·s), the inner sums in integers.
 *
 * One row of activations takes weights from their blocks; many take them from a copy unpacked to 16 bits, 288 bytes for a
 * block of the four rows: sixteen vectors, the four scales, the four minimums. Both add the same numbers in the same order,
 * so a row's products do not depend, to the bit, on how many rows there are.
 */

import { activationBytes, scaleOffset, sumOffset } from './activation-blocks';
import { fourHeads, integersOf, minimumsOf, scalesOf, storageQ41, storageQ80, weightBlockBytes } from './weight-blocks';
import { madd } from './vector';

/** Bytes of an unpacked block of four rows. */
@inline
export const unpackedBytes: usize = 288;

@inline
function dot(a: v128, b: v128): v128 {
  return i32x4.dot_i16x8_s(a, b);
}

/** Lane j is the sum of the lanes of s_j. */
@inline
function sums4(s0: v128, s1: v128, s2: v128, s3: v128): v128 {
  const t0 = i32x4.add(v128.shuffle<i32>(s0, s1, 0, 4, 1, 5), v128.shuffle<i32>(s0, s1, 2, 6, 3, 7));
  const t1 = i32x4.add(v128.shuffle<i32>(s2, s3, 0, 4, 1, 5), v128.shuffle<i32>(s2, s3, 2, 6, 3, 7));
  return i32x4.add(v128.shuffle<i32>(t0, t1, 0, 1, 4, 5), v128.shuffle<i32>(t0, t1, 2, 3, 6, 7));
}

/** The block's products, by four rows, and in lanes that are still to be added up. */
@inline
function blockDot(block: usize, storage: i32, a0: v128, a1: v128, a2: v128, a3: v128, nibble: v128): v128 {
  const pairs = v128.load(block + 4);
  const low = i32x4.add(
    dot(a0, integersOf(block, pairs, 0, storage, nibble)),
    dot(a1, integersOf(block, pairs, 1, storage, nibble)),
  );
  const high = i32x4.add(
    dot(a2, integersOf(block, pairs, 2, storage, nibble)),
    dot(a3, integersOf(block, pairs, 3, storage, nibble)),
  );
  return i32x4.add(low, high);
}

/** One row of activations by four rows of weights. */
@inline
function fourDots(
  activations: usize,
  r0: usize,
  r1: usize,
  r2: usize,
  r3: usize,
  next: usize,
  storage: i32,
  blocks: i32,
): v128 {
  const nibble = i16x8.splat(15);
  const mask = i32x4.splat(<i32>0x8fffe000);
  const factor = f32x4.splat(5.192296858534828e33);
  const blockBytes = weightBlockBytes(storage);
  let total = f32x4.splat(0);
  let x = activations;
  let at: usize = 0;
  let ahead = next;
  let seen: u32 = 0;
  const end = <usize>blocks * blockBytes;
  while (at < end && seen < 256) {
    seen |= <u32>load<u8>(ahead) | <u32>load<u8>(ahead, 64);
    ahead += blockBytes << 2;
    const a0 = v128.load(x);
    const a1 = v128.load(x, 16);
    const a2 = v128.load(x, 32);
    const a3 = v128.load(x, 48);
    const s0 = blockDot(r0 + at, storage, a0, a1, a2, a3, nibble);
    const s1 = blockDot(r1 + at, storage, a0, a1, a2, a3, nibble);
    const s2 = blockDot(r2 + at, storage, a0, a1, a2, a3, nibble);
    const s3 = blockDot(r3 + at, storage, a0, a1, a2, a3, nibble);
    const heads = fourHeads(r0 + at, r1 + at, r2 + at, r3 + at, storage);
    const scales = f32x4.mul(scalesOf(heads, mask, factor), v128.load32_splat(x, scaleOffset));
    total = madd(f32x4.convert_i32x4_s(sums4(s0, s1, s2, s3)), scales, total);
    if (storage == storageQ41) {
      total = madd(minimumsOf(heads, mask, factor), v128.load32_splat(x, sumOffset), total);
    }
    x += activationBytes;
    at += blockBytes;
  }
  return total;
}

export function fourDotsQ41(
  activations: usize,
  r0: usize,
  r1: usize,
  r2: usize,
  r3: usize,
  next: usize,
  blocks: i32,
): v128 {
  return fourDots(activations, r0, r1, r2, r3, next, storageQ41, blocks);
}

export function fourDotsQ80(
  activations: usize,
  r0: usize,
  r1: usize,
  r2: usize,
  r3: usize,
  next: usize,
  blocks: i32,
): v128 {
  return fourDots(activations, r0, r1, r2, r3, next, storageQ80, blocks);
}

/** Unpacks four rows of `blocks` blocks for `unpackedDots`. */
export function unpackFour(out: usize, r0: usize, r1: usize, r2: usize, r3: usize, storage: i32, blocks: i32): void {
  const mask = i32x4.splat(<i32>0x8fffe000);
  const factor = f32x4.splat(5.192296858534828e33);
  const blockBytes = weightBlockBytes(storage);
  let target = out;
  let at: usize = 0;
  for (let b = 0; b < blocks; b += 1) {
    unpackBlock(target, r0 + at, storage);
    unpackBlock(target + 64, r1 + at, storage);
    unpackBlock(target + 128, r2 + at, storage);
    unpackBlock(target + 192, r3 + at, storage);
    const heads = fourHeads(r0 + at, r1 + at, r2 + at, r3 + at, storage);
    v128.store(target, scalesOf(heads, mask, factor), 256);
    if (storage == storageQ41) v128.store(target, minimumsOf(heads, mask, factor), 272);
    target += unpackedBytes;
    at += blockBytes;
  }
}

@inline
function unpackBlock(out: usize, block: usize, storage: i32): void {
  const nibble = i16x8.splat(15);
  const pairs = v128.load(block + 4);
  v128.store(out, integersOf(block, pairs, 0, storage, nibble));
  v128.store(out, integersOf(block, pairs, 1, storage, nibble), 16);
  v128.store(out, integersOf(block, pairs, 2, storage, nibble), 32);
  v128.store(out, integersOf(block, pairs, 3, storage, nibble), 48);
}

@inline
function unpackedDot(weights: usize, a0: v128, a1: v128, a2: v128, a3: v128): v128 {
  const even = i32x4.add(dot(a0, v128.load(weights)), dot(a1, v128.load(weights, 16)));
  const odd = i32x4.add(dot(a2, v128.load(weights, 32)), dot(a3, v128.load(weights, 48)));
  return i32x4.add(even, odd);
}

/** One row of activations by four unpacked rows of weights. */
export function unpackedDots(activations: usize, unpacked: usize, minimums: bool, blocks: i32): v128 {
  let total = f32x4.splat(0);
  let x = activations;
  let weights = unpacked;
  const end = unpacked + <usize>blocks * unpackedBytes;
  while (weights < end) {
    const a0 = v128.load(x);
    const a1 = v128.load(x, 16);
    const a2 = v128.load(x, 32);
    const a3 = v128.load(x, 48);
    const s0 = unpackedDot(weights, a0, a1, a2, a3);
    const s1 = unpackedDot(weights + 64, a0, a1, a2, a3);
    const s2 = unpackedDot(weights + 128, a0, a1, a2, a3);
    const s3 = unpackedDot(weights + 192, a0, a1, a2, a3);
    const scales = f32x4.mul(v128.load(weights, 256), v128.load32_splat(x, scaleOffset));
    total = madd(f32x4.convert_i32x4_s(sums4(s0, s1, s2, s3)), scales, total);
    if (minimums) total = madd(v128.load(weights, 272), v128.load32_splat(x, sumOffset), total);
    x += activationBytes;
    weights += unpackedBytes;
  }
  return total;
}
