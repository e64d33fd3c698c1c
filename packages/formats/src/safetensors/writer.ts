/** Writing safetensors: tensors in the given order, header padded to 8 bytes. The same input gives the same bytes. */

import { encodeBfloat16, encodeFloat16, ShapeError } from '@inattention/core';

export interface TensorToWrite {
  readonly name: string;
  /** Default F32. */
  readonly dtype?: 'F32' | 'F16' | 'BF16';
  readonly shape: readonly number[];
  readonly data: Float32Array;
}

/** A whole file in memory. */
export function writeSafetensors(
  tensors: Iterable<TensorToWrite>,
  metadata?: Readonly<Record<string, string>>,
): Uint8Array {
  const header: Record<string, unknown> = {};
  if (metadata !== undefined) header.__metadata__ = metadata;
  const parts: Uint8Array[] = [];
  let offset = 0;
  for (const { name, dtype = 'F32', shape, data } of tensors) {
    const size = shape.reduce((product, dimension) => product * dimension, 1);
    if (size !== data.length) {
      throw new ShapeError({
        what: `Tensor "${name}" has data that does not fill its shape.`,
        got: `${data.length} elements`,
        expected: String(size),
      });
    }
    const part = encode(dtype, data);
    header[name] = { dtype, shape, data_offsets: [offset, offset + part.length] };
    parts.push(part);
    offset += part.length;
  }
  const text = JSON.stringify(header);
  const json = new TextEncoder().encode(text);
  const headerLength = Math.ceil(json.length / 8) * 8;
  const file = new Uint8Array(8 + headerLength + offset).fill(0x20, 8 + json.length, 8 + headerLength);
  new DataView(file.buffer).setBigUint64(0, BigInt(headerLength), true);
  file.set(json, 8);
  let next = 8 + headerLength;
  for (const part of parts) {
    file.set(part, next);
    next += part.length;
  }
  return file;
}

function encode(dtype: 'F32' | 'F16' | 'BF16', data: Float32Array): Uint8Array {
  const encoded = dtype === 'F32' ? data : dtype === 'F16' ? encodeFloat16(data) : encodeBfloat16(data);
  return new Uint8Array(encoded.buffer, encoded.byteOffset, encoded.byteLength);
}
