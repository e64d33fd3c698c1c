/**
 * Elementwise primitives: fill, cast, add, subtract, multiply, divide, affine, exp, log, sqrt, sigmoid.
 *
 * The second operand of a binary operation repeats: element i meets b[floor(i / stride) % length]. With stride 1 that
 * is one run after another against the whole of b; otherwise each run of `stride` elements meets one number.
 */

import { exp4, halves4, loadHalf, toHalf } from './vector';

/** 32-bit pattern into `length` elements. */
export function fill(out: usize, bits: i32, length: i32): void {
  const pattern = i32x4.splat(bits);
  let i = 0;
  for (; i + 4 <= length; i += 4) v128.store(out + ((<usize>i) << 2), pattern);
  for (; i < length; i += 1) store<i32>(out + ((<usize>i) << 2), bits);
}

export function copyBytes(input: usize, out: usize, bytes: usize): void {
  memory.copy(out, input, bytes);
}

export function floatToHalf(input: usize, out: usize, length: i32): void {
  for (let i = 0; i < length; i += 1) store<u16>(out + ((<usize>i) << 1), toHalf(load<f32>(input + ((<usize>i) << 2))));
}

export function halfToFloat(input: usize, out: usize, length: i32): void {
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    v128.store(out + ((<usize>i) << 2), halves4(v128.load_ext<u16>(input + ((<usize>i) << 1))));
  }
  for (; i < length; i += 1) store<f32>(out + ((<usize>i) << 2), loadHalf(input + ((<usize>i) << 1)));
}

export function intToFloat(input: usize, out: usize, length: i32): void {
  for (let i = 0; i < length; i += 1) {
    const at = (<usize>i) << 2;
    store<f32>(out + at, <f32>load<i32>(input + at));
  }
}

@inline
function apply4(kind: i32, a: v128, b: v128): v128 {
  if (kind == 0) return f32x4.add(a, b);
  if (kind == 1) return f32x4.sub(a, b);
  if (kind == 2) return f32x4.mul(a, b);
  return f32x4.div(a, b);
}

@inline
function apply1(kind: i32, a: f32, b: f32): f32 {
  if (kind == 0) return a + b;
  if (kind == 1) return a - b;
  if (kind == 2) return a * b;
  return a / b;
}

@inline
function binary(kind: i32, a: usize, b: usize, out: usize, size: i32, length: i32, stride: i32): void {
  const repeats = stride == 1 && length > 1;
  const run = repeats ? length : length == 1 ? size : stride;
  let row = 0;
  for (let start = 0; start < size; start += run) {
    const count = min(run, size - start);
    const x = a + ((<usize>start) << 2);
    const y = out + ((<usize>start) << 2);
    let i = 0;
    if (repeats) {
      for (; i + 4 <= count; i += 4) {
        const at = (<usize>i) << 2;
        v128.store(y + at, apply4(kind, v128.load(x + at), v128.load(b + at)));
      }
      for (; i < count; i += 1) {
        const at = (<usize>i) << 2;
        store<f32>(y + at, apply1(kind, load<f32>(x + at), load<f32>(b + at)));
      }
    } else {
      const number = load<f32>(b + ((<usize>(row % length)) << 2));
      const numbers = f32x4.splat(number);
      for (; i + 4 <= count; i += 4) {
        const at = (<usize>i) << 2;
        v128.store(y + at, apply4(kind, v128.load(x + at), numbers));
      }
      for (; i < count; i += 1) {
        const at = (<usize>i) << 2;
        store<f32>(y + at, apply1(kind, load<f32>(x + at), number));
      }
    }
    row += 1;
  }
}

export function add(a: usize, b: usize, out: usize, size: i32, length: i32, stride: i32): void {
  binary(0, a, b, out, size, length, stride);
}

export function subtract(a: usize, b: usize, out: usize, size: i32, length: i32, stride: i32): void {
  binary(1, a, b, out, size, length, stride);
}

export function multiply(a: usize, b: usize, out: usize, size: i32, length: i32, stride: i32): void {
  binary(2, a, b, out, size, length, stride);
}

export function divide(a: usize, b: usize, out: usize, size: i32, length: i32, stride: i32): void {
  binary(3, a, b, out, size, length, stride);
}

export function affine(input: usize, out: usize, scale: f32, offset: f32, length: i32): void {
  const scales = f32x4.splat(scale);
  const offsets = f32x4.splat(offset);
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const at = (<usize>i) << 2;
    v128.store(out + at, f32x4.add(f32x4.mul(v128.load(input + at), scales), offsets));
  }
  for (; i < length; i += 1) {
    const at = (<usize>i) << 2;
    store<f32>(out + at, load<f32>(input + at) * scale + offset);
  }
}

@inline
function unary4(kind: i32, x: v128): v128 {
  if (kind == 0) return exp4(x);
  if (kind == 1) return f32x4.sqrt(x);
  // 1 / (1 + e^−x): e^−x may be infinite, and 1 / infinity is 0.
  const one = f32x4.splat(1);
  return f32x4.div(one, f32x4.add(one, exp4(f32x4.neg(x))));
}

@inline
function unary(kind: i32, input: usize, out: usize, length: i32): void {
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const at = (<usize>i) << 2;
    v128.store(out + at, unary4(kind, v128.load(input + at)));
  }
  for (; i < length; i += 1) {
    const at = (<usize>i) << 2;
    store<f32>(out + at, f32x4.extract_lane(unary4(kind, f32x4.splat(load<f32>(input + at))), 0));
  }
}

export function exp(input: usize, out: usize, length: i32): void {
  unary(0, input, out, length);
}

export function sqrt(input: usize, out: usize, length: i32): void {
  unary(1, input, out, length);
}

export function sigmoid(input: usize, out: usize, length: i32): void {
  unary(2, input, out, length);
}

export function log(input: usize, out: usize, length: i32): void {
  for (let i = 0; i < length; i += 1) {
    const at = (<usize>i) << 2;
    store<f32>(out + at, Mathf.log(load<f32>(input + at)));
  }
}
