/**
 * What a step has to tell the host, in one readback: its loss, and the sum of squares of every gradient, from which come
 * the global norm that clipping needs and the name of what is not finite.
 */

import type { EagerOperations, Tensor } from '@inattention/core';

export interface StepReport {
  /** Nats. */
  readonly loss: number;
  /** √Σg² over all gradients. */
  readonly gradientNorm: number;
  /** The first gradient whose sum of squares is not finite; null when there is none. */
  readonly nonFinite: string | null;
}

/** Reads the loss and the norm of the gradients. The only wait for the device in a step. */
export async function readStepReport(
  operations: EagerOperations,
  loss: Tensor,
  gradients: ReadonlyMap<string, Tensor>,
): Promise<StepReport> {
  using report = operations.scope(() => {
    const numbers = operations.zeros([1 + gradients.size], 'scratch');
    let place = 0;
    const put = (value: Tensor) => {
      operations.addInto(operations.slice(numbers, place, 1), operations.reshape(value, [1]));
      place += 1;
    };
    put(loss);
    for (const gradient of gradients.values()) operations.scope(() => put(sumOfSquares(operations, gradient)));
    return numbers;
  });
  const [value = Number.NaN, ...squares] = await report.readFloat32();
  const names = [...gradients.keys()];
  const wrong = squares.findIndex((square) => !Number.isFinite(square));
  return {
    loss: value,
    gradientNorm: Math.sqrt(squares.reduce((sum, square) => sum + square, 0)),
    nonFinite: wrong === -1 ? null : (names[wrong] as string),
  };
}

/** Row by row, then over the rows: f32 sums of many squares stay accurate. */
function sumOfSquares(operations: EagerOperations, tensor: Tensor): Tensor {
  const width = tensor.shape.at(-1) ?? 1;
  const rows = operations.reshape(tensor, [tensor.size / width, width]);
  return operations.sum(operations.sum(operations.multiply(rows, rows), 1), 0);
}
