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
}
