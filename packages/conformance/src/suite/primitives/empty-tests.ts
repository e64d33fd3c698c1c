/** Tensors without elements: core answers for them, so that a backend never sees one. */

import { zeros } from '../../reference/nd-array.ts';
import { expectSame } from '../assertions.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { evaluate } from '../evaluate.ts';

export function emptyTests(group: Group): void {
  group.describe('empty tensors', () => {
    for (const fused of group.fused.size === 0 ? [false] : [true, false]) {
      group.test(fused ? 'fused' : 'composed', (trial) => emptyTensors(trial, fused));
    }
  });
}

async function emptyTensors({ backend }: Trial, fused: boolean): Promise<void> {
  const results = await evaluate(backend, fused, ({ operations, floats, index }) => {
    const none = floats(zeros([0, 6]));
    const nobody = index([]);
    const heads = floats(zeros([0, 2, 4]));
    const logits = operations.crossEntropyWithLogSumExp(none, nobody);
    const attended = operations.attention(heads, heads, heads, {
      positions: nobody,
      firstPosition: 0,
      scale: 1,
      slopes: null,
    });
    return {
      sum: operations.sum(none, 0), // [6] of zeros
      sums: operations.sum(none, 1),
      added: operations.add(none, floats(zeros([6]))),
      exponentials: operations.exp(none),
      linear: operations.linear(none, floats(zeros([3, 6]))),
      overNothing: operations.matmul(floats(zeros([2, 0])), floats(zeros([0, 3]))), // [2, 3] of zeros
      embedded: operations.embed(floats(zeros([3, 6])), nobody),
      scattered: operations.scatterAddRows(nobody, none, 2), // [2, 6] of zeros
      permuted: operations.permute(heads, [2, 0, 1]),
      copied: operations.copy(none),
      halves: operations.cast(none, 'f16'),
      norm: operations.rmsNorm(none, null, 1e-5),
      gated: operations.swiglu(none, none),
      attended,
      nll: logits.nll,
    };
  });
  const zerosOf: Record<string, number> = { sum: 6, overNothing: 6, scattered: 12 };
  for (const [name, numbers] of Object.entries(results)) {
    expectSame(numbers, Array(zerosOf[name] ?? 0).fill(0), name);
  }
}
