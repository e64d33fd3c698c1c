/**
 * GGUF's blocks to float32. A block has a scale d in f16, some have a minimum too; an element is d·q or d·q + m. Each is
 * computed in float64, where it is exact, and rounded once, as ggml's own loops round.
 *
 *   Q8_0  d, 32 × int8                                               d·q
 *   Q4_0  d, 32 × 4 bits                                             d·(q − 8)
 *   Q4_1  d, m, 32 × 4 bits                                          d·q + m
 *   Q4_K  d, dmin, 8 × (6-bit scale s, 6-bit minimum m), 256 × 4 bits   d·s·q − dmin·m
 *   Q6_K  256 × 4 low bits, 256 × 2 high bits, 16 × int8 scale s, d  d·s·(q − 32)
 *
 * Of the 4-bit pairs in bytes the low nibbles are the first half of a group, the high ones the second.
 * Source: ggml-quants.c (https://github.com/ggml-org/ggml), block_q4_0 … block_q6_K.
 */

import { decodeFloat16, decodeWeightBlocks } from '@inattention/core';
import { decodeWeights } from '../safetensors/decode.ts';
import { isWeightDType } from '../safetensors/dtypes.ts';

/** Decodes whole blocks into `out`, which has as many elements. */
type BlockDecoder = (bytes: Uint8Array, out: Float32Array) => void;

const decoders: ReadonlyMap<string, BlockDecoder> = new Map([
  ['Q8_0', (bytes, out) => decodeWeightBlocks('q8_0', bytes, out)],
  ['Q4_0', decodeQ40],
  ['Q4_1', (bytes, out) => decodeWeightBlocks('q4_1', bytes, out)],
  ['Q4_K', decodeQ4K],
  ['Q6_K', decodeQ6K],
]);

/** Decodes whole blocks of a type among `readableTypes` (readable-types.ts) into `out`, which has as many elements. */
export function decodeTensor(type: string, bytes: Uint8Array, out: Float32Array): void {
  if (isWeightDType(type)) decodeWeights(type, bytes, out);
  else decoders.get(type)?.(bytes, out);
}

let halves: Float32Array | undefined;

/** The value of each half-precision pattern; made when first asked for. */
function halfTable(): Float32Array {
  halves ??= decodeFloat16(Uint16Array.from({ length: 65_536 }, (_, bits) => bits));
  return halves;
}

function decodeQ40(bytes: Uint8Array, out: Float32Array): void {
  const half = halfTable();
  for (let at = 0, to = 0; to < out.length; at += 18, to += 32) {
    const scale = halfAt(half, bytes, at);
    for (let i = 0; i < 16; i += 1) {
      const pair = bytes[at + 2 + i] as number;
      out[to + i] = scale * ((pair & 15) - 8);
      out[to + 16 + i] = scale * ((pair >>> 4) - 8);
    }
  }
}

function decodeQ4K(bytes: Uint8Array, out: Float32Array): void {
  const half = halfTable();
  for (let at = 0, to = 0; to < out.length; at += 144, to += 256) {
    const scale = halfAt(half, bytes, at);
    const minimum = halfAt(half, bytes, at + 2);
    for (let group = 0; group < 8; group += 1) {
      const [s, m] = sixBits(bytes, at + 4, group);
      const d = scale * s;
      const least = minimum * m;
      const from = at + 16 + (group >>> 1) * 32; // two groups share 32 bytes
      const shift = (group & 1) * 4;
      for (let i = 0; i < 32; i += 1) {
        out[to + group * 32 + i] = d * (((bytes[from + i] as number) >>> shift) & 15) - least;
      }
    }
  }
}

/** Scale and minimum of a Q4_K group: 6 bits each, those of groups 4 to 7 with their upper two in the first eight bytes. */
function sixBits(bytes: Uint8Array, at: number, group: number): [scale: number, minimum: number] {
  const low = bytes[at + group] as number;
  const high = bytes[at + group + 4] as number;
  if (group < 4) return [low & 63, high & 63];
  return [(high & 15) | (((bytes[at + group - 4] as number) >>> 6) << 4), (high >>> 4) | ((low >>> 6) << 4)];
}

function decodeQ6K(bytes: Uint8Array, out: Float32Array): void {
  const half = halfTable();
  const signed = new Int8Array(bytes.buffer, bytes.byteOffset, bytes.length);
  for (let at = 0, to = 0; to < out.length; at += 210, to += 256) {
    const scale = halfAt(half, bytes, at + 208);
    for (let i = 0; i < 256; i += 1) {
      const [part, within] = [i >>> 7, i & 127]; // halves of 128 elements: 64 bytes of low bits, 32 of high bits
      const lowPair = bytes[at + part * 64 + (within & 63)] as number;
      const low = within < 64 ? lowPair & 15 : lowPair >>> 4;
      const high = ((bytes[at + 128 + part * 32 + (within & 31)] as number) >>> ((within >>> 5) * 2)) & 3;
      out[to + i] = scale * (signed[at + 192 + (i >>> 4)] as number) * ((low | (high << 4)) - 32);
    }
  }
}

/** The f16 at byte `at`. */
function halfAt(table: Float32Array, bytes: Uint8Array, at: number): number {
  return table[(bytes[at] as number) | ((bytes[at + 1] as number) << 8)] as number;
}
