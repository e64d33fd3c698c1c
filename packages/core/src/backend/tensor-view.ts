/**
 * What a backend sees of a tensor: a contiguous, row-major region of one of its own buffers. Validation has been done
 * by core's operations; a backend may rely on shapes and dtypes.
 */

import type { DType } from '../tensor/dtype.ts';
import type { Shape } from '../tensor/shape.ts';

/** Memory of a backend. Each backend has its own class and recognises only its own buffers. */
export interface BackendBuffer {
  /** Bytes asked for: what the ledger counts as live. Rounding up is the backend’s, and counts as reserved. */
  readonly byteLength: number;
}

/** A contiguous region of a buffer, typed. `byteOffset` is a multiple of 4. */
export interface TensorView {
  readonly buffer: BackendBuffer;
  readonly byteOffset: number;
  readonly dtype: DType;
  readonly shape: Shape;
  /** Set exactly for i8. q4_1 and q8_0 hold their scales themselves (tensor/weight-blocks.ts). */
  readonly blocks?: BlockScaling | undefined;
}

/**
 * How the integers of a block-scaled tensor [.., K] stand for numbers. Along the last axis each run of `blockLength`
 * elements is a block; a row's last block may be shorter, so a row has ceil(K / blockLength) of them.
 *
 *     number = scale · element  (+ minimum)
 *
 * i8 is symmetric: elements are −127 … 127 and `minimums` is null. K is a multiple of 4, so rows are whole words.
 */
export interface BlockScaling {
  /** A multiple of 16. */
  readonly blockLength: number;
  /** f32 [.., ceil(K / blockLength)], row-major. It may lie in the elements' buffer or in another. */
  readonly scales: TensorView;
  /** As `scales`; null when blocks have no offset. */
  readonly minimums: TensorView | null;
}
