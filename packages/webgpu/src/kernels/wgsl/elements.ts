/** Kernels written for one number or four at a time: the words in which the two differ. */

import type { TensorView } from '@inattention/core';
import type { ElementType } from '../../execution/kernel.ts';
import type { KernelRunner } from '../../execution/kernel-runner.ts';

export interface Elements {
  readonly type: Extract<ElementType, 'f32' | 'vec4<f32>'>;
  /** Numbers in one. */
  readonly width: 1 | 4;
  /** The scalar sum of one. */
  sum(value: string): string;
}

export function elementsOf(vectors: boolean): Elements {
  return vectors
    ? { type: 'vec4<f32>', width: 4, sum: (value) => `dot(${value}, vec4<f32>(1.0))` }
    : { type: 'f32', width: 1, sum: (value) => value };
}

/** Whether runs of `length` numbers can be read as vectors of four in all of the views; null is no view. */
export function canUseVectors(runner: KernelRunner, length: number, ...views: readonly (TensorView | null)[]): boolean {
  return length % 4 === 0 && views.every((view) => view === null || runner.aligned(view));
}
