/** Rows of several matrices put between each other: row i · w + j is row i of matrix j. */

import type { EagerOperations, Tensor } from '@inattention/core';
import type { Recorded } from '@inattention/core/autograd';

/** w matrices [n, D] to [n · w, D], and how that is differentiated. */
export function interleave(operations: EagerOperations, parts: readonly Tensor[]): Recorded {
  const [rows = 0, width = 0] = parts[0]?.shape ?? [];
  const step = parts.length * width;
  const output = operations.scope(() => {
    const out = operations.allocate([rows * parts.length, width]);
    parts.forEach((part, offset) => {
      const places = { inputOffset: 0, inputStride: width, outOffset: offset * width, outStride: step };
      operations.backend.primitives.copyBlock({ input: part, out, ...places, outer: rows, length: width });
    });
    return out;
  });
  return {
    output,
    backward: (run, gradient) =>
      parts.map((_, offset) =>
        run.scope(() => {
          const out = run.allocate([rows, width]);
          const places = { inputOffset: offset * width, inputStride: step, outOffset: 0, outStride: width };
          run.backend.primitives.copyBlock({ input: gradient, out, ...places, outer: rows, length: width });
          return out;
        }),
      ),
  };
}
