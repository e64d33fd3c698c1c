/**
 * An operation's gradient rule: given what the forward pass kept and the gradient of its output, the gradients of its
 * inputs. Rules are written over EagerOperations, so a backend's fused backward kernels are used where they exist.
 */

import type { EagerOperations } from '../operations/eager-operations.ts';
import type { Tensor } from '../tensor/tensor.ts';

/** A recorded operation: its output, and how to differentiate it. */
export interface Recorded {
  readonly output: Tensor;
  /** Tensors that `backward` needs besides inputs and output; freed after it. */
  readonly saved?: readonly { dispose(): void }[];
  /**
   * Gradients of the inputs, in their order, from the gradient of the output, which it must neither change nor return.
   * Those that are not wanted may be null. `present` holds what has been found of each input's gradient, where that is
   * something: a rule may add to it in place, and returns null for it then. Called in a scope, which disposes of
   * everything it makes but what it returns.
   */
  backward(
    operations: EagerOperations,
    gradient: Tensor,
    wanted: readonly boolean[],
    present: readonly (Tensor | undefined)[],
  ): (Tensor | null)[];
}
