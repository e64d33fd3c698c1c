/**
 * Gradients by variable, counted as gradients. Whoever gets it disposes of it, or takes the tensors out. A parameter
 * that the loss does not depend on has no entry.
 */

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

  /** Adds `part` to a variable's gradient: takes it over when it is the first, else only reads it. */
  add(operations: EagerOperations, variable: Variable, part: Tensor): void {
    const present = this.#tensors.get(variable);
    if (present === undefined) this.#tensors.set(variable, operations.keep(part));
    else operations.addInto(present, part);
  }

  dispose(): void {
    for (const tensor of this.#tensors.values()) tensor.dispose();
    this.#tensors.clear();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
