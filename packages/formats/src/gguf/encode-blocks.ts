/**
 * float32 to what a GGUF file holds: F32, F16, BF16, and Q8_0 and Q4_1 as ggml's reference quantiser makes them.
 */

import { encodeWeightBlocks, NonFiniteError } from '@inattention/core';
import { quote } from '../json/describe.ts';
import { encodeWeights } from '../safetensors/writer.ts';

/** Types that tensors can be written in. */
export type WrittenType = 'F32' | 'F16' | 'BF16' | 'Q8_0' | 'Q4_1';

/**
 * A tensor's bytes as a GGUF file holds them; for F32 a view of `data`. Rows of blocks must be whole ones. Throws
 * NonFiniteError for a number that F16, or the f16 scales of a block, cannot hold.
 */
export function encodeTensor(type: WrittenType, data: Float32Array, name: string): Uint8Array {
  if (type === 'Q8_0') {
    checkHalves(data, 65_520 * 127, name, type);
    return encodeWeightBlocks('q8_0', data, name);
  }
  if (type === 'Q4_1') return encodeWeightBlocks('q4_1', data, name);
  if (type === 'F16') checkHalves(data, 65_520, name, type);
  return encodeWeights(type, data);
}

/** Throws NonFiniteError for a number of magnitude `limit` or more, or one that is none. */
function checkHalves(data: Float32Array, limit: number, name: string, type: WrittenType): void {
  for (let i = 0; i < data.length; i += 1) {
    if (Math.abs(data[i] as number) < limit) continue;
    throw new NonFiniteError({
      what: `The weight ${quote(name)} holds a number that ${type} cannot.`,
      got: `${data[i]} at element ${i}`,
      expected: `magnitudes below ${limit}`,
      fix: 'write it as F32',
    });
  }
}
