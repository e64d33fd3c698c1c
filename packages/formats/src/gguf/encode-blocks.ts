/**
 * float32 to what a GGUF file holds: F32, F16, BF16, and Q8_0 as ggml's reference quantiser makes it. Q8_0 here is
 * d = max|x| / 127 over 32 elements, q = x / d rounded to nearest, halves away from zero, d stored in f16.
 * Source: quantize_row_q8_0_ref in ggml-quants.c (https://github.com/ggml-org/ggml).
 */

import { encodeFloat16, NonFiniteError } from '@inattention/core';
import { quote } from '../json/describe.ts';
import { encodeWeights } from '../safetensors/writer.ts';

/** Types that tensors can be written in. */
export type WrittenType = 'F32' | 'F16' | 'BF16' | 'Q8_0';

const blockLength = 32;
const blockBytes = 34;
const one = Math.fround(1);

/**
 * A tensor's bytes as a GGUF file holds them; for F32 a view of `data`. Rows of Q8_0 must be whole blocks. Throws
 * NonFiniteError for a finite number that F16, or the f16 scale of a Q8_0 block, cannot hold.
 */
export function encodeTensor(type: WrittenType, data: Float32Array, name: string): Uint8Array {
  if (type === 'Q8_0') return encodeQ80(data, name);
  if (type === 'F16') checkHalves(data, 65_520, name, type);
  return encodeWeights(type, data);
}

function encodeQ80(data: Float32Array, name: string): Uint8Array {
  checkHalves(data, 65_520 * 127, name, 'Q8_0');
  const blocks = data.length / blockLength;
  const bytes = new Uint8Array(blocks * blockBytes);
  const view = new DataView(bytes.buffer);
  const scales = new Float32Array(blocks);
  for (let block = 0; block < blocks; block += 1) {
    let most = 0;
    for (let i = 0; i < blockLength; i += 1) most = Math.max(most, Math.abs(data[block * blockLength + i] as number));
    scales[block] = most / 127;
  }
  const halves = encodeFloat16(scales);
  for (let block = 0; block < blocks; block += 1) {
    const scale = scales[block] as number;
    const inverse = scale === 0 ? 0 : Math.fround(one / scale);
    view.setUint16(block * blockBytes, halves[block] as number, true);
    for (let i = 0; i < blockLength; i += 1) {
      const x = Math.fround((data[block * blockLength + i] as number) * inverse);
      view.setInt8(block * blockBytes + 2 + i, Math.sign(x) * Math.round(Math.abs(x)));
    }
  }
  return bytes;
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
