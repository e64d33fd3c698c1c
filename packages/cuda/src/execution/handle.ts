/**
 * A tensor of TensorFlow as kernels pass it on: immutable in shape, deleted by the scope that made it unless it is kept.
 */

import { type NativeType, nativeBytes } from '../native/native-binding.ts';

export interface Handle {
  readonly id: number;
  readonly shape: readonly number[];
  readonly type: NativeType;
  /** Bytes of memory of its own; 0 for another look at memory that is counted elsewhere. */
  readonly bytes: number;
  /**
   * `own`: nobody else sees it. `shared`: it is that of an input, in another shape. `unknown`: one or the other, as
   * TensorFlow sees fit. Only memory of its own may be kept: memory that is kept is written to in place.
   */
  readonly memory: 'own' | 'shared' | 'unknown';
}

export function elementsOf(shape: readonly number[]): number {
  let size = 1;
  for (const dimension of shape) size *= dimension;
  return size;
}

export function bytesOf(shape: readonly number[], type: NativeType): number {
  return elementsOf(shape) * nativeBytes[type];
}
