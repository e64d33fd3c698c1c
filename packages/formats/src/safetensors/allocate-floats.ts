/** Room for a tensor's numbers. */

import { OutOfMemoryError } from '@inattention/core';
import { quote } from '../json/describe.ts';

/** Throws OutOfMemoryError, with the tensor's name and bytes, where there is none. */
export function allocateFloats(name: string, elements: number): Float32Array {
  try {
    return new Float32Array(elements);
  } catch (cause) {
    throw new OutOfMemoryError({
      what: `There is no memory for tensor ${quote(name)}.`,
      requestedBytes: elements * 4,
      availableBytes: 0,
      cause,
    });
  }
}
