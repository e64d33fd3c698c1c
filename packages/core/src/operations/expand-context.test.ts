import { describe, expect, it } from 'vitest';
import { onDevice } from '../../test/device.ts';
import { expectClose } from '../../test/expect-close.ts';
import { seededRandom } from '../../test/random.ts';
import { denseReference, makeViewData, uploadView, viewKinds } from '../../test/views.ts';
import { InvalidArgumentError } from '../errors/errors.ts';

const sizes = { length: 23, kvHeads: 2, headDim: 4, pageLength: 8, rowsPerPage: 6 };
const width = sizes.kvHeads * sizes.headDim;

describe.each(viewKinds)('expandContext of $name', (kind) => {
  const data = makeViewData(kind, sizes, seededRandom(20));
  const expected = denseReference(data);

  // From before, at and after page edges; ranges that begin within the first window.
  it.each([
    [0, 23],
    [0, 1],
    [1, 9],
    [2, 8],
    [7, 17],
    [8, 16],
    [22, 23],
    [5, 5],
  ])('entries %i to %i', async (from, to) => {
    const [keys, values] = await onDevice((device) => {
      const dense = device.operations.expandContext(uploadView(device, data), from, to);
      expect(dense.keys.shape).toEqual([to - from, sizes.kvHeads, sizes.headDim]);
      return [dense.keys, dense.values];
    });
    expectClose(keys as Float32Array, expected.keys.slice(from * width, to * width));
    expectClose(values as Float32Array, expected.values.slice(from * width, to * width));
  });
});

it.each([
  [-1, 2],
  [3, 2],
  [0, 24],
  [0.5, 2],
])('refuses entries %d to %d of 23', async (from, to) => {
  await onDevice((device) => {
    const view = uploadView(device, makeViewData(viewKinds[5] as (typeof viewKinds)[0], sizes, seededRandom(20)));
    expect(() => device.operations.expandContext(view, from, to)).toThrow(InvalidArgumentError);
    return [];
  });
});
