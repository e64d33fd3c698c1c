/** expandContext: the dense keys and values of a view are those of the contract's formula. */

import { EagerOperations } from '@inattention/core';
import { createRopeAngles } from '@inattention/core/math';
import type { Group, Trial } from '../conformance-group.ts';
import { DeviceArrays } from '../device-arrays.ts';
import { disposable } from '../evaluate.ts';
import { describeView, placeView, type ViewOptions } from './described-view.ts';

const shape = { kvHeads: 2, headDim: 6 };

const views: readonly ViewOptions[] = [
  { ...shape, length: 300 },
  { ...shape, length: 300, window: 2, firstPosition: 9 },
  { ...shape, length: 520, window: 3, slots: 300, scaled: true, ropeTheta: 10_000, firstPosition: 30_000 },
  { ...shape, length: 60, window: 4, slots: 11, scaled: true, positionRows: true, rowsPerPage: 8, pageLength: 5 },
];

export function expandTests(group: Group): void {
  const dtypes = group.capabilities.contextDTypes.filter((dtype) => dtype === 'f32' || dtype === 'f16');
  for (const dtype of dtypes) group.test(`expandContext, ${dtype}`, (trial) => expansions(trial, dtype));
}

async function expansions({ backend, expectClose }: Trial, dtype: 'f32' | 'f16'): Promise<void> {
  const operations = new EagerOperations(backend);
  using angles = disposable(createRopeAngles(backend, shape.headDim, 10_000));
  for (const options of views) {
    using arrays = new DeviceArrays(backend, 5);
    const described = describeView({ ...options, dtype });
    const view = placeView(arrays, described, angles.value);
    const size = shape.kvHeads * shape.headDim;
    const { length } = options;
    for (const [from, to] of [
      [0, length],
      [0, 1],
      [1, 3],
      [length - 1, length],
      [length >> 2, length >> 1],
      [2, 2],
    ]) {
      const { keys, values } = operations.expandContext(view, from, to);
      const what = `entries ${from} … ${to} of ${JSON.stringify(options)}`;
      for (const [tensor, expected] of [[keys, described.keys] as const, [values, described.values] as const]) {
        const got = await tensor.readFloat32();
        tensor.dispose();
        expectClose(got, expected.data.subarray(from * size, to * size), { operation: 'rope', dtype: 'f32', what });
      }
    }
  }
}
