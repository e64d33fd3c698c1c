/**
 * IEEE 754 half precision (float16) and bfloat16, to and from float32.
 *
 * Pure bit arithmetic without tables: decoding is exact, encoding rounds to nearest, ties to even, with
 * subnormals, overflow to infinity and NaN as IEEE 754 has them. Storage conversion only: nothing here computes
 * in half precision. A half is a 16-bit pattern in a number or a Uint16Array, in the host's byte order.
 */

import { ShapeError } from '../errors/errors.ts';

const scratchFloat = new Float32Array(1);
const scratchBits = new Uint32Array(scratchFloat.buffer);

/** Float32 bits of 2^-14, the smallest normal half. */
const SMALLEST_NORMAL_HALF = 0x3880_0000;
/** Float32 bits of 2^-25: at or below it everything rounds to zero (the tie goes to the even 0). */
const ROUNDS_TO_ZERO = 0x3300_0000;
/** Float32 bits of 65520, halfway between the largest half (65504) and 2^16: it and all above become infinity. */
const OVERFLOWS_HALF = 0x477f_f000;
const INFINITY_BITS = 0x7f80_0000;

function bitsOf(value: number): number {
  scratchFloat[0] = value;
  return scratchBits[0] as number;
}

function floatOf(bits: number): number {
  scratchBits[0] = bits;
  return scratchFloat[0] as number;
}

/** Float32 bits of a half's bits; the sign and the payload of a NaN are kept. */
function halfBitsToFloatBits(bits: number): number {
  const sign = (bits & 0x8000) << 16;
  const exponent = (bits >>> 10) & 0x1f;
  const mantissa = bits & 0x3ff;
  if (exponent === 0x1f) return sign | INFINITY_BITS | (mantissa << 13);
  if (exponent !== 0) return sign | ((exponent + 112) << 23) | (mantissa << 13);
  if (mantissa === 0) return sign;
  // Subnormal, mantissa · 2^-24: shift the leading one to bit 10, lowering the exponent by as much.
  const shift = Math.clz32(mantissa) - 21;
  return sign | ((113 - shift) << 23) | (((mantissa << shift) & 0x3ff) << 13);
}

/** Half bits nearest to a float32's bits, ties to even. */
function floatBitsToHalfBits(bits: number): number {
  const sign = (bits >>> 16) & 0x8000;
  const magnitude = bits & 0x7fff_ffff;
  if (magnitude >= INFINITY_BITS) {
    // A NaN keeps the top of its payload and becomes quiet, so that it cannot turn into an infinity.
    return magnitude === INFINITY_BITS ? sign | 0x7c00 : sign | 0x7e00 | ((magnitude >>> 13) & 0x3ff);
  }
  if (magnitude >= OVERFLOWS_HALF) return sign | 0x7c00;
  if (magnitude >= SMALLEST_NORMAL_HALF) {
    const rebased = magnitude - (112 << 23);
    return sign | ((rebased + 0xfff + ((rebased >>> 13) & 1)) >>> 13);
  }
  if (magnitude <= ROUNDS_TO_ZERO) return sign;
  // Subnormal: the 24-bit significand in units of 2^-24. A carry into bit 10 is the smallest normal, as it should be.
  const shift = 126 - (magnitude >>> 23);
  const significand = (magnitude & 0x7f_ffff) | 0x80_0000;
  const quotient = significand >>> shift;
  const remainder = significand & ((1 << shift) - 1);
  const half = 1 << (shift - 1);
  const roundUp = remainder > half || (remainder === half && (quotient & 1) === 1);
  return sign | (roundUp ? quotient + 1 : quotient);
}

/** Bfloat16 bits nearest to a float32's bits, ties to even. */
function floatBitsToBfloatBits(bits: number): number {
  if ((bits & 0x7fff_ffff) > INFINITY_BITS) return (bits >>> 16) | 0x40;
  return (bits + 0x7fff + ((bits >>> 16) & 1)) >>> 16;
}

/** The value of a float16 given as its 16 bits. Exact. */
export function float16ToFloat32(bits: number): number {
  return floatOf(halfBitsToFloatBits(bits));
}

/** The bits of the float16 nearest to `value` (taken as a float32), ties to even; beyond 65504 infinity. */
export function float32ToFloat16(value: number): number {
  return floatBitsToHalfBits(bitsOf(value));
}

/** The value of a bfloat16 given as its 16 bits. Exact. */
export function bfloat16ToFloat32(bits: number): number {
  return floatOf(bits << 16);
}

/** The bits of the bfloat16 nearest to `value` (taken as a float32), ties to even. */
export function float32ToBfloat16(value: number): number {
  return floatBitsToBfloatBits(bitsOf(value));
}

function checkLength(what: string, inputLength: number, outputLength: number): void {
  if (inputLength !== outputLength) {
    throw new ShapeError({
      what: `${what} needs an output as long as its input.`,
      got: `${inputLength} in, ${outputLength} out`,
      expected: 'equal lengths',
    });
  }
}

function bitsView(values: Float32Array): Uint32Array {
  return new Uint32Array(values.buffer, values.byteOffset, values.length);
}

/**
 * Decodes float16 bits, exactly.
 * @param out where to write, as long as `bits`; a new array unless given
 * @returns `out`
 * @throws ShapeError when `out` is of another length
 */
export function decodeFloat16(bits: Uint16Array, out: Float32Array = new Float32Array(bits.length)): Float32Array {
  checkLength('decodeFloat16', bits.length, out.length);
  const target = bitsView(out);
  for (let i = 0; i < bits.length; i++) target[i] = halfBitsToFloatBits(bits[i] as number);
  return out;
}

/**
 * Encodes float32 values as float16 bits, to nearest, ties to even.
 * @param out where to write, as long as `values`; a new array unless given
 * @returns `out`
 * @throws ShapeError when `out` is of another length
 */
export function encodeFloat16(values: Float32Array, out: Uint16Array = new Uint16Array(values.length)): Uint16Array {
  checkLength('encodeFloat16', values.length, out.length);
  const source = bitsView(values);
  for (let i = 0; i < source.length; i++) out[i] = floatBitsToHalfBits(source[i] as number);
  return out;
}

/**
 * Decodes bfloat16 bits, exactly.
 * @param out where to write, as long as `bits`; a new array unless given
 * @returns `out`
 * @throws ShapeError when `out` is of another length
 */
export function decodeBfloat16(bits: Uint16Array, out: Float32Array = new Float32Array(bits.length)): Float32Array {
  checkLength('decodeBfloat16', bits.length, out.length);
  const target = bitsView(out);
  for (let i = 0; i < bits.length; i++) target[i] = (bits[i] as number) << 16;
  return out;
}

/**
 * Encodes float32 values as bfloat16 bits, to nearest, ties to even.
 * @param out where to write, as long as `values`; a new array unless given
 * @returns `out`
 * @throws ShapeError when `out` is of another length
 */
export function encodeBfloat16(values: Float32Array, out: Uint16Array = new Uint16Array(values.length)): Uint16Array {
  checkLength('encodeBfloat16', values.length, out.length);
  const source = bitsView(values);
  for (let i = 0; i < source.length; i++) out[i] = floatBitsToBfloatBits(source[i] as number);
  return out;
}
