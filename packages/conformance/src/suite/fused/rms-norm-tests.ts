/** rmsNorm and its gradient: fused, composed and reference agree. */

import { randomNumbers } from '../../inputs/random-numbers.ts';
import { type NdArray, ndArray } from '../../reference/nd-array.ts';
import { rmsNormBackward, rmsNormForward } from '../../reference/rms-norm.ts';
import { expectThat } from '../assertions.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { atEachOffset } from '../device-arrays.ts';
import { evaluate, variantsOf } from '../evaluate.ts';
import { lengthsUpTo } from '../lengths.ts';

const epsilon = 1e-3;

const shapes = [...lengthsUpTo(1024).map((width) => [3, width] as const), [65, 24] as const, [257, 8] as const];

export function rmsNormTests(group: Group): void {
  group.describe('rmsNorm', () => {
    for (const { name, fused } of variantsOf(group.fused.has('rmsNorm'))) {
      group.test(`forward, ${name}`, (trial) => forward(trial, fused));
    }
    for (const { name, fused } of variantsOf(group.fused.has('rmsNormBackward'))) {
      group.test(`backward, ${name}`, (trial) => backward(trial, fused));
    }
    if (group.fused.has('rmsNorm'))
      group.test('1/rms only where it is wanted, at any offset', (trial) => direct(trial));
  });
}

/** Rows whose sizes differ by factors of up to a thousand, the last near ε; and a gain, or none. */
function* inputs(): Generator<{ readonly x: NdArray; readonly weight: NdArray | null; readonly what: string }> {
  const random = randomNumbers(51);
  for (const [rows, width] of shapes) {
    const numbers = random.normals(rows * width).map((value, i) => {
      const row = Math.floor(i / width);
      return Math.fround(value * (row === rows - 1 ? 0.02 : 10 ** ((row % 3) - 1)));
    });
    const x = ndArray([rows, width], numbers);
    const { inverseRms } = rmsNormForward(x, null, epsilon);
    const spread = Math.max(...inverseRms.data) / Math.min(...inverseRms.data);
    expectThat(spread > 5, `The rows of [${rows}, ${width}] are too much alike to tell norms apart.`);
    for (const weight of [null, ndArray([width], random.normals(width))]) {
      yield { x, weight, what: `[${rows}, ${width}]${weight === null ? '' : ' with a gain'}` };
    }
  }
}

async function forward({ backend, expectClose }: Trial, fused: boolean): Promise<void> {
  for (const { x, weight, what } of inputs()) {
    const expected = rmsNormForward(x, weight, epsilon);
    const got = await evaluate(backend, fused, ({ operations, floats }) => {
      const gain = weight === null ? null : floats(weight);
      const { out, inverseRms } = operations.rmsNormWithInverse(floats(x), gain, epsilon);
      return { out, inverseRms, alone: operations.rmsNorm(floats(x), gain, epsilon) };
    });
    expectClose(got.out, expected.out.data, { operation: 'rmsNorm', what });
    expectClose(got.alone, expected.out.data, { operation: 'rmsNorm', what: `${what}, without 1/rms` });
    expectClose(got.inverseRms, expected.inverseRms.data, { operation: 'rmsNorm', what: `1/rms, ${what}` });
  }
}

async function backward({ backend, expectClose }: Trial, fused: boolean): Promise<void> {
  const random = randomNumbers(52);
  for (const { x, weight, what } of inputs()) {
    const gradOut = ndArray(x.shape, random.normals(x.data.length));
    const expected = rmsNormBackward(x, weight, epsilon, gradOut);
    const got = await evaluate(backend, fused, ({ operations, floats }) => {
      const { inverseRms } = rmsNormForward(x, null, epsilon);
      const rounded = floats({ shape: inverseRms.shape, data: inverseRms.data });
      const gain = weight === null ? null : floats(weight);
      const gradients = operations.rmsNormBackward(floats(x), gain, rounded, floats(gradOut));
      return { input: gradients.input, weight: gradients.weight ?? gradients.input };
    });
    expectClose(got.input, expected.gradInput.data, { operation: 'rmsNormBackward', what: `input, ${what}` });
    if (expected.gradWeight === null) continue;
    expectClose(got.weight, expected.gradWeight.data, { operation: 'rmsNormBackward', what: `gain, ${what}` });
  }
}

async function direct({ backend, expectClose }: Trial): Promise<void> {
  const random = randomNumbers(53);
  const x = ndArray([5, 37], random.normals(5 * 37));
  const weight = ndArray([37], random.normals(37));
  const expected = rmsNormForward(x, weight, epsilon);
  await atEachOffset(backend, async (arrays) => {
    for (const inverseRms of [null, arrays.floats([5])]) {
      const [input, gain, out] = [
        arrays.floats([5, 37], x.data),
        arrays.floats([37], weight.data),
        arrays.floats([5, 37]),
      ];
      backend.fused.rmsNorm?.({ input, weight: gain, epsilon, out, inverseRms });
      expectClose(await arrays.read(out), expected.out.data, { operation: 'rmsNorm', what: 'at an offset' });
      if (inverseRms === null) continue;
      const got = await arrays.read(inverseRms);
      expectClose(got, expected.inverseRms.data, { operation: 'rmsNorm', what: '1/rms at an offset' });
    }
  });
}
