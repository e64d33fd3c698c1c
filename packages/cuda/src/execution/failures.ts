/** What TensorFlow says when it fails, as the errors of this project. */

import { BackendFailedError, BackendLostError, OutOfMemoryError } from '@inattention/core';

/** TensorFlow's RESOURCE_EXHAUSTED. */
const outOfMemory = /TF_Status: 8\b|OOM when allocating|out of memory|RESOURCE_EXHAUSTED/i;
/** A GPU that is gone takes every later call with it. */
const deviceLost = /CUDA_ERROR_(ILLEGAL_ADDRESS|LAUNCH_FAILED|NOT_INITIALIZED|DEVICE_UNAVAILABLE)|device.* lost/i;

export function nativeFailure(operation: string, error: unknown, requestedBytes = 0): Error {
  const got = error instanceof Error ? error.message : String(error);
  if (outOfMemory.test(got)) {
    const what = 'The device has no memory left.';
    const fix = 'use a smaller context, context: "tables" or "ids", or f16 weights';
    return new OutOfMemoryError({ what, got, fix, requestedBytes, availableBytes: 0, cause: error });
  }
  if (deviceLost.test(got)) {
    const fix = 'start a new process: CUDA does not come back in this one';
    return new BackendLostError({ what: 'The CUDA device was lost.', got, fix, cause: error });
  }
  return new BackendFailedError({ what: `TensorFlow refused ${operation}.`, got, cause: error });
}
