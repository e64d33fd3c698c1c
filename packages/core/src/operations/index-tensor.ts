/**
 * Integers known to the host and to the device: token ids, positions, targets. Uploaded once, used by every layer.
 */

import type { Backend } from '../backend/backend.ts';
import { InvalidArgumentError } from '../errors/errors.ts';
import type { Purpose } from '../ledger/ledger.ts';
import { Tensor } from '../tensor/tensor.ts';

export class IndexTensor {
  /** The integers, [n]. Not to be changed afterwards. */
  readonly values: Int32Array;
  /** The same on the device, i32 [n]. */
  readonly tensor: Tensor;

  constructor(
    backend: Backend,
    values: Int32Array | readonly number[],
    purpose: Purpose = 'activations',
    tensor?: Tensor,
  ) {
    if (!(values instanceof Int32Array) && !values.every((value) => value === (value | 0))) {
      throw new InvalidArgumentError({ what: 'An index tensor takes 32-bit integers.', got: values.join(', ') });
    }
    this.values = values instanceof Int32Array ? values : Int32Array.from(values);
    this.tensor = tensor ?? Tensor.from(backend, this.values, [this.values.length], purpose);
  }

  /** Pairs integers that are on the device already with their host copy; takes over `tensor`. */
  static over(values: Int32Array, tensor: Tensor): IndexTensor {
    return new IndexTensor(tensor.backend, values, 'activations', tensor);
  }

  get length(): number {
    return this.values.length;
  }

  dispose(): void {
    this.tensor.dispose();
  }

  [Symbol.dispose](): void {
    this.dispose();
  }
}
