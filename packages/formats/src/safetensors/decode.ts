/** Stored weights to float32, a piece of a tensor at a time. */

import { decodeBfloat16, decodeFloat16 } from '@inattention/core';
import type { WeightDType } from './dtypes.ts';

/** Bytes of one element of a weight dtype. */
export function weightBytes(dtype: WeightDType): number {
  return dtype === 'F32' ? 4 : 2;
}

/** Decodes little-endian bytes, at any alignment, into `out`, which has as many elements. */
export function decodeWeights(dtype: WeightDType, bytes: Uint8Array, out: Float32Array): void {
  if (dtype === 'F32') {
    new Uint8Array(out.buffer, out.byteOffset, out.byteLength).set(bytes);
    return;
  }
  const aligned = bytes.byteOffset % 2 === 0 ? bytes : new Uint8Array(bytes);
  const halves = new Uint16Array(aligned.buffer, aligned.byteOffset, out.length);
  if (dtype === 'F16') decodeFloat16(halves, out);
  else decodeBfloat16(halves, out);
}
