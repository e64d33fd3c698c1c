/** Gradients by variable. Whoever gets it disposes of it, or takes the tensors out. */

import type { EagerOperations } from '../operations/eager-operations.ts';
import type { Tensor } from '../tensor/tensor.ts';
import type { Variable } from './variable.ts';

export class Gradients {
  readonly #tensors = new Map<Variable, Tensor>();

  /** The gradient for a parameter; undefined when the loss does not depend on it. */
  get(variable: Variable): Tensor | undefined {
    return this.#tensors.get(variable);
  }

  /** The gradient for a parameter, which the caller then owns. */
  take(variable: Variable): Tensor | undefined {
    const tensor = this.#tensors.get(variable);
    this.#tensors.delete(variable);
    return tensor;
  }

  /** Adds `part` (taken over) to a variable's gradient. */
  add(operations: EagerOperations, variable: Variable, part: Tensor): void {
    const present = this.#tensors.get(variable);
    if (present === undefined) {
      this.#tensors.set(variable, part);
      return;
    }
    operations.backend.primitives.add({
      a: present,
      b: part,
      broadcast: { length: Math.max(1, part.size), stride: 1 },
      out: present,
    });
    part.dispose();
  }

  dispose(): void {
    for (const tensor of this.#tensors.values()) tensor.dispose();
    this.#tensors.clear();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
