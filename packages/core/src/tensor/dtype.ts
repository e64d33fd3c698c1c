/**
 * Element types of tensors. f32 is what is computed in; f16 is storage (weights, context rows); i8 is storage of weights
 * in blocks with a scale each (block-scaled.ts); q4_1 and q8_0 are storage of weights in a GGUF file's own blocks
 * (weight-blocks.ts); i32 and u32 hold token ids, positions and row numbers. What a backend accepts where is in its
 * `capabilities`.
 */

export type DType = 'f32' | 'f16' | 'i8' | 'i32' | 'u32' | BlockDType;

/** Weights in blocks of 32 as GGUF files have them, scales included. */
export type BlockDType = 'q4_1' | 'q8_0';

/** Elements of a block of a BlockDType. */
export const blockElements = 32;

/** Bytes of one element; i8 without its scales, q4_1 and q8_0 with their share of them. */
export const bytesPerElement: Readonly<Record<DType, number>> = {
  f32: 4,
  f16: 2,
  i8: 1,
  i32: 4,
  u32: 4,
  q4_1: 20 / blockElements,
  q8_0: 34 / blockElements,
};

/** Whether elements are kept in a GGUF file's blocks. */
export function isBlockDType(dtype: DType): dtype is BlockDType {
  return dtype === 'q4_1' || dtype === 'q8_0';
}

/** Host data of a tensor: f16 travels as its bit patterns. */
export type HostArray = Float32Array | Uint16Array | Int8Array | Int32Array | Uint32Array;

/** The dtype a host array holds. */
export function dtypeOf(data: HostArray): DType {
  if (data instanceof Float32Array) return 'f32';
  if (data instanceof Uint16Array) return 'f16';
  if (data instanceof Int8Array) return 'i8';
  return data instanceof Int32Array ? 'i32' : 'u32';
}

/** Wraps little-endian bytes as a host array of `dtype`. `bytes` must start on an element boundary. */
export function hostArray(dtype: Exclude<DType, BlockDType>, bytes: ArrayBuffer): HostArray {
  if (dtype === 'f32') return new Float32Array(bytes);
  if (dtype === 'f16') return new Uint16Array(bytes);
  if (dtype === 'i8') return new Int8Array(bytes);
  return dtype === 'i32' ? new Int32Array(bytes) : new Uint32Array(bytes);
}
