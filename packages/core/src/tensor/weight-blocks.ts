/**
 * Weights in blocks of 32 as GGUF files hold them, byte for byte: along the last axis each run of 32 elements is a block
 * with scales in f16. Rows are whole blocks, so a tensor's bytes are its rows' one after the other.
 *
 *     q4_1  20 bytes: d, m, 16 × two 4-bit q      d·q + m; low nibbles are elements 0 … 15, high ones 16 … 31
 *     q8_0  34 bytes: d, 32 × int8 q              d·q
 *
 * And how backends round activations that they multiply such weights by in integers (`Capabilities.integerProducts`).
 * Source: block_q4_1 and block_q8_0 of ggml (https://github.com/ggml-org/ggml, ggml-quants.c).
 */

import { NonFiniteError } from '../errors/errors.ts';
import { type BlockDType, blockElements, bytesPerElement } from './dtype.ts';
import { decodeFloat16, encodeFloat16 } from './half.ts';

/** Below this magnitude a block of activations is 0: the inverse of its scale would overflow. */
const leastMagnitude = 2 ** -100;

/** The numbers that blocks stand for, each rounded to f32 once, into `out`: one for each element. */
export function decodeWeightBlocks(dtype: BlockDType, bytes: Uint8Array, out: Float32Array): void {
  const blockBytes = blockElements * bytesPerElement[dtype];
  const view = new DataView(bytes.buffer, bytes.byteOffset, bytes.byteLength);
  const scales = halvesOf(view, 0, blockBytes);
  const minimums = dtype === 'q4_1' ? halvesOf(view, 2, blockBytes) : null;
  scales.forEach((scale, block) => {
    const at = block * blockBytes;
    const to = block * blockElements;
    if (minimums === null) {
      for (let i = 0; i < blockElements; i += 1) out[to + i] = scale * view.getInt8(at + 2 + i);
      return;
    }
    const minimum = minimums[block] as number;
    for (let i = 0; i < blockElements / 2; i += 1) {
      const pair = bytes[at + 4 + i] as number;
      out[to + i] = scale * (pair & 15) + minimum;
      out[to + i + 16] = scale * (pair >>> 4) + minimum;
    }
  });
}

/**
 * Numbers, whole blocks of them, rounded to blocks as ggml's reference does: q8_0 with d = max|x| / 127, halves away from
 * zero; q4_1 with m the least and d a fifteenth of the span. `name` is for errors. Throws NonFiniteError for numbers that
 * are none, or whose scales f16 cannot hold.
 */
export function encodeWeightBlocks(dtype: BlockDType, data: Float32Array, name: string): Uint8Array {
  const blocks = data.length / blockElements;
  const scales = new Float32Array(blocks);
  const minimums = new Float32Array(dtype === 'q4_1' ? blocks : 0);
  for (let block = 0; block < blocks; block += 1) {
    let [least, most] = [Number.POSITIVE_INFINITY, Number.NEGATIVE_INFINITY];
    for (let i = block * blockElements; i < (block + 1) * blockElements; i += 1) {
      least = Math.min(least, data[i] as number);
      most = Math.max(most, data[i] as number);
    }
    scales[block] = dtype === 'q4_1' ? (most - least) / 15 : Math.max(most, -least) / 127;
    if (dtype === 'q4_1') minimums[block] = least;
  }
  const halves = { scales: encodeFloat16(scales), minimums: encodeFloat16(minimums) };
  checkHalves(halves.scales, dtype, name);
  checkHalves(halves.minimums, dtype, name);
  const blockBytes = blockElements * bytesPerElement[dtype];
  const bytes = new Uint8Array(blocks * blockBytes);
  const view = new DataView(bytes.buffer);
  for (let block = 0, at = 0; block < blocks; block += 1, at += blockBytes) {
    const scale = scales[block] as number;
    const inverse = scale === 0 ? 0 : Math.fround(1 / scale);
    const from = block * blockElements;
    view.setUint16(at, halves.scales[block] as number, true);
    if (dtype === 'q8_0') {
      for (let i = 0; i < blockElements; i += 1) {
        const scaled = Math.fround((data[from + i] as number) * inverse);
        view.setInt8(at + 2 + i, Math.sign(scaled) * Math.min(127, Math.round(Math.abs(scaled))));
      }
      continue;
    }
    view.setUint16(at + 2, halves.minimums[block] as number, true);
    const least = minimums[block] as number;
    const nibble = (i: number) =>
      Math.min(15, Math.floor(Math.fround(Math.fround((data[from + i] as number) - least) * inverse) + 0.5));
    for (let i = 0; i < 16; i += 1) bytes[at + 4 + i] = nibble(i) | (nibble(i + 16) << 4);
  }
  return bytes;
}

/**
 * Activations [.., K], K whole blocks, as integer products see them: d·q in blocks of 32 along the last axis,
 * d = max|x| / 32767, q = x · (32767 / max|x|) rounded to nearest, ties to even, in f32. A number is off by at most
 * max|x| / 65534 of its block; a block below 2⁻¹⁰⁰ is 0, one with a number that is not finite is NaN.
 */
export function roundActivations(data: Float32Array): Float64Array {
  const out = new Float64Array(data.length);
  for (let start = 0; start < data.length; start += blockElements) {
    const { scale, values } = activationBlock(data.subarray(start, start + blockElements));
    values.forEach((q, i) => {
      out[start + i] = scale * q;
    });
  }
  return out;
}

/** One block of activations: its f32 scale and integers. */
export function activationBlock(numbers: Float32Array): { readonly scale: number; readonly values: Int16Array } {
  const values = new Int16Array(blockElements);
  const most = numbers.reduce((max, x) => Math.max(max, Math.abs(x)), 0);
  if (!Number.isFinite(most)) return { scale: Number.NaN, values };
  if (most < leastMagnitude) return { scale: 0, values };
  const inverse = Math.fround(32767 / most);
  numbers.forEach((x, i) => {
    values[i] = nearestEven(Math.fround(x * inverse));
  });
  return { scale: Math.fround(most / 32767), values };
}

/** To the nearest integer, ties to even; for magnitudes below 2⁵¹. */
function nearestEven(x: number): number {
  const rounder = 1.5 * 2 ** 52;
  return x + rounder - rounder;
}

/** The f16 at byte `offset` of each block. */
function halvesOf(view: DataView, offset: number, blockBytes: number): Float32Array {
  const blocks = view.byteLength / blockBytes;
  return decodeFloat16(
    Uint16Array.from({ length: blocks }, (_, block) => view.getUint16(block * blockBytes + offset, true)),
  );
}

/** Throws unless the halves, one of each block, are finite. */
function checkHalves(halves: Uint16Array, dtype: BlockDType, name: string): void {
  const block = halves.findIndex((half) => (half & 0x7c00) === 0x7c00);
  if (block === -1) return;
  throw new NonFiniteError({
    what: `The weight "${name}" holds a number that ${dtype} cannot.`,
    got: `a scale that is no finite f16, of elements ${block * blockElements} … ${(block + 1) * blockElements - 1}`,
    expected: dtype === 'q4_1' ? 'magnitudes below 65520' : `magnitudes below ${65_520 * 127}`,
    fix: 'load the model with f32 weights',
  });
}
