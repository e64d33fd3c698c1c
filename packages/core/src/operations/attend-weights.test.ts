import { describe, expect, it } from 'vitest';
import { onDevice } from '../../test/device.ts';
import { expectClose } from '../../test/expect-close.ts';
import { seededRandom } from '../../test/random.ts';
import { type DenseAttention, referenceAttention, referenceScores } from '../../test/reference-attention.ts';
import { denseReference, makeViewData, uploadView, type ViewKind, viewKinds } from '../../test/views.ts';
import { InvalidArgumentError, ShapeError } from '../errors/errors.ts';

const [heads, kvHeads, headDim, length] = [4, 2, 4, 300];
const sizes = { length, kvHeads, headDim, pageLength: 64, rowsPerPage: 48 };
const slopes = [0.5, 0.25, 0.125, 0.0625];
const scale = 0.7;

describe.each(viewKinds)('attendWeights of $name', (kind) => {
  it.each([
    [299, 0, 300],
    [280, 250, 290],
    [10, 0, 300],
  ])('seen from entry %i, of entries %i to %i', async (entry, from, to) => {
    const random = seededRandom(60);
    const data = makeViewData(kind, sizes, random);
    const queries = random.normals(heads * headDim, 2);
    const positions = [kind.firstPosition + entry];
    const [weights] = await onDevice((device) => {
      const { operations, tensor, index } = device;
      const query = tensor(queries, [1, heads, headDim]);
      const view = uploadView(device, data);
      const options = { scale, slopes: tensor(slopes, [heads]) };
      const logSumExp = operations.logSumExp(operations.attend(query, index(positions), view, options));
      const result = operations.attendWeights(query, index(positions), view, { ...options, logSumExp, from, to });
      expect(result.shape).toEqual([heads, to - from]);
      return result;
    });
    const { firstPosition } = kind;
    const dense = {
      queries,
      positions,
      ...denseReference(data),
      heads,
      kvHeads,
      headDim,
      firstPosition,
      scale,
      slopes,
    };
    expectClose(weights as Float32Array, expectedWeights(dense, from, to), { relative: 2e-6 });
    if (from === 0) {
      const sums = [0, 1, 2, 3].map((h) => weights?.slice(h * 300, h * 300 + 300).reduce((a, b) => a + b));
      expectClose(sums as number[], [1, 1, 1, 1], { relative: 1e-5 });
    }
    const unseen = weights?.filter((_, i) => from + (i % (to - from)) > entry);
    expect(unseen?.every((weight) => weight === 0)).toBe(true);
  });
});

function expectedWeights(dense: DenseAttention, from: number, to: number): number[] {
  const { max, sum } = referenceAttention(dense);
  return Array.from({ length: heads }, (_, h) =>
    referenceScores({ ...dense, from, to }, 0, h).map((score) =>
      score === null ? 0 : Math.exp(score - (max[h] as number)) / (sum[h] as number),
    ),
  ).flat();
}

it('gives zeros where nothing is visible, and takes empty ranges', async () => {
  const results = await onDevice((device) => {
    const { operations, tensor, index } = device;
    const view = uploadView(device, makeViewData(viewKinds[2] as ViewKind, sizes, seededRandom(61)));
    const query = tensor(seededRandom(62).normals(heads * headDim), [1, heads, headDim]);
    const options = { scale, slopes: null };
    const logSumExp = operations.logSumExp(operations.attend(query, index([3]), view, options));
    const weights = (from: number, to: number) =>
      operations.attendWeights(query, index([3]), view, { ...options, logSumExp, from, to });
    expect(() => weights(0, 301)).toThrow(InvalidArgumentError);
    return [weights(0, 300), weights(7, 7)];
  });
  expect(results).toEqual([new Float32Array(heads * 300), new Float32Array(0)]);
});

it('takes one query only', async () => {
  await onDevice((device) => {
    const view = uploadView(device, makeViewData(viewKinds[0] as ViewKind, sizes, seededRandom(63)));
    const { operations, index } = device;
    const two = operations.zeros([2, heads, headDim]);
    const options = { scale, slopes: null, logSumExp: operations.zeros([2, heads]) };
    expect(() => operations.attendWeights(two, index([1, 2]), view, options)).toThrow(ShapeError);
    return [];
  });
});
