/** A product of matrices into memory that is there already. */

import type { EagerOperations, Tensor } from '@inattention/core';

interface ProductOptions {
  /** Takes the transpose of `a`: it is stored [inner, rows]. */
  readonly transposeA?: boolean;
  /** Takes the transpose of `b`: it is stored [columns, inner]. */
  readonly transposeB?: boolean;
  /** Adds to what is there. */
  readonly accumulate?: boolean;
}

/** out (+)= op(a) op(b), for matrices that fit. */
export function productInto(
  { backend }: EagerOperations,
  out: Tensor,
  a: Tensor,
  b: Tensor,
  { transposeA = false, transposeB = false, accumulate = false }: ProductOptions = {},
): void {
  const [rows = 0, columns = 0] = out.shape;
  const [first = 0, second = 0] = a.shape;
  backend.primitives.matmul({
    a,
    b,
    out,
    batch: 1,
    rows,
    columns,
    inner: transposeA ? first : second,
    transposeA,
    transposeB,
    strideA: 0,
    strideB: 0,
    scale: 1,
    accumulate,
  });
}
