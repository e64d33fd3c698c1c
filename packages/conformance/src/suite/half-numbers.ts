/** Numbers as f16 holds them, for references that must see what the backend sees. */

import { decodeFloat16, encodeFloat16 } from '@inattention/core';

/** Each number rounded to the nearest f16, ties to even. */
export function roundedToHalf(numbers: Float64Array): Float64Array {
  return Float64Array.from(decodeFloat16(encodeFloat16(Float32Array.from(numbers))));
}

/** The numbers as rows of `dtype` hold them. */
export function storedNumbers(numbers: Float64Array, dtype: 'f32' | 'f16'): Float64Array {
  return dtype === 'f16' ? roundedToHalf(numbers) : numbers;
}
