import { decodeFloat16, encodeFloat16, sizeOf } from '@inattention/core';
import { expect, test, vi } from 'vitest';
import { numbers } from '../../test/compare-numbers.ts';
import { KernelTrial, trialsOf } from '../../test/kernel-trial.ts';
import { placeHalves, readWords } from '../../test/stored-arrays.ts';
import { openDevice } from '../device/open-device.ts';
import { permute } from './permute.ts';

vi.setConfig({ testTimeout: 120_000 });

const { device } = await openDevice({ limits: 'default' });

function reference(x: ArrayLike<number>, shape: readonly number[], axes: readonly number[]) {
  const outShape = axes.map((axis) => shape[axis] as number);
  const strides = axes.map((axis) => sizeOf(shape.slice(axis + 1)));
  const data = Array.from({ length: x.length }, (_, place) => {
    let rest = place;
    let from = 0;
    for (let k = axes.length - 1; k >= 0; k -= 1) {
      const length = outShape[k] as number;
      from += (rest % length) * (strides[k] as number);
      rest = Math.floor(rest / length);
    }
    return x[from] as number;
  });
  return { outShape, data };
}

/** The short bindings of the trials hold 16,320 elements. */
const cases: readonly (readonly [shape: readonly number[], axes: readonly number[]])[] = [
  [[1], [0]],
  [
    [5, 7],
    [0, 1],
  ],
  [
    [31, 33],
    [1, 0],
  ],
  [
    [64, 96],
    [1, 0],
  ],
  [
    [3, 17, 40],
    [0, 2, 1],
  ], // tiled where there are workgroups
  [
    [3, 17, 40],
    [2, 1, 0],
  ],
  [
    [200, 130],
    [1, 0],
  ], // longer than a short binding
  [
    [2, 130, 100],
    [0, 2, 1],
  ],
  [
    [2, 17_000],
    [1, 0],
  ], // so are its rows
  [
    [17_000, 2],
    [1, 0],
  ],
  [
    [3, 5, 16, 8],
    [0, 2, 1, 3],
  ], // heads, in vectors
  [
    [3, 50, 16, 12],
    [0, 2, 1, 3],
  ],
  [
    [3, 50, 16, 9],
    [2, 0, 3, 1],
  ],
  [
    [2, 20, 30, 20],
    [3, 2, 1, 0],
  ],
  [
    [2, 20, 30, 20],
    [1, 0, 3, 2],
  ],
  [
    [1, 20, 1, 20],
    [3, 2, 0, 1],
  ],
];

test.each(trialsOf(device))('every kind of permutation: $name', async ({ create }) => {
  const trial = create();
  for (const [shape, axes] of cases) {
    const x = numbers(sizeOf(shape), 3);
    const { outShape, data } = reference(x, shape, axes);
    const out = trial.floats(outShape);
    permute(trial.runner, { input: trial.floats(shape, x), axes, out });
    const got = await trial.read(out);
    const wrong = data.findIndex((value, i) => value !== got[i]);
    expect(wrong, `[${shape}] by ${axes}: ${got[wrong]} for ${data[wrong]}`).toBe(-1);
  }
  await trial.dispose();
});

test('f16', async () => {
  const trial = new KernelTrial(device, { software: true });
  for (const [shape, axes] of cases.slice(0, 5)) {
    const x = decodeFloat16(encodeFloat16(numbers(sizeOf(shape), 3)));
    const { outShape, data } = reference(x, shape, axes);
    const out = placeHalves(trial, outShape, new Float32Array(data.length));
    permute(trial.runner, { input: placeHalves(trial, shape, x), axes, out });
    const words = await readWords(trial, out, Math.ceil(data.length / 2));
    const halves = new Uint16Array(words.buffer, words.byteOffset, data.length);
    expect([...decodeFloat16(halves.slice())]).toEqual(data);
  }
  await trial.dispose();
});
