/** Other looks at a view: its own fields by name, since a view may be an object with getters. */

import type { TensorView } from '@inattention/core';

/** A view of the same buffer and dtype, `elements` further on. For f16 the place is a whole word. */
export function viewPart(view: TensorView, elements: number, shape: readonly number[]): TensorView {
  const { buffer, byteOffset, dtype, blocks } = view;
  const bytes = dtype === 'f16' ? 2 : dtype === 'i8' ? 1 : 4;
  return { buffer, byteOffset: byteOffset + elements * bytes, dtype, shape, blocks };
}
