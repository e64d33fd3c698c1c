/** A value in a recorded computation. */

import type { Shape } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';

export class Variable {
  readonly value: Tensor;
  /** Whether a gradient flows to or through it. */
  readonly differentiable: boolean;

  constructor(value: Tensor, differentiable: boolean) {
    this.value = value;
    this.differentiable = differentiable;
  }

  get shape(): Shape {
    return this.value.shape;
  }
}
