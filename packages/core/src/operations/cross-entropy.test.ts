import { expect, it } from 'vitest';
import { onDevice } from '../../test/device.ts';
import { dot, expectClose, numericalGradient } from '../../test/expect-close.ts';
import { seededRandom } from '../../test/random.ts';
import { InvalidArgumentError, ShapeError } from '../errors/errors.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { EagerOperations } from './eager-operations.ts';

const [rows, vocabulary] = [5, 9];
const random = seededRandom(12);
const logits = random.normals(rows * vocabulary, 4);
const targets = [8, 0, 3, 3, 5];
const gradNll = random.normals(rows);

const logSumExps = (x: ArrayLike<number>) =>
  Array.from({ length: rows }, (_, r) => {
    const row = Array.from({ length: vocabulary }, (_, k) => x[r * vocabulary + k] as number);
    const top = Math.max(...row);
    return top + Math.log(row.reduce((total, value) => total + Math.exp(value - top), 0));
  });
const losses = (x: ArrayLike<number>) =>
  logSumExps(x).map((total, r) => total - (x[r * vocabulary + (targets[r] as number)] as number));

it('is log-sum-exp minus the logit of the target', async () => {
  const [nll, total, alone] = await onDevice(({ operations, tensor, index }) => {
    const x = tensor(logits, [rows, vocabulary]);
    const both = operations.crossEntropyWithLogSumExp(x, index(targets));
    return [both.nll, both.logSumExp, operations.crossEntropy(x, index(targets))];
  });
  expectClose(nll as Float32Array, losses(logits));
  expectClose(total as Float32Array, logSumExps(logits));
  expect(alone).toEqual(nll);
});

it('does not overflow', async () => {
  const [nll] = await onDevice(({ operations, tensor, index }) =>
    operations.crossEntropy(tensor([1000, -1000, -1000, 1000], [2, 2]), index([0, 0])),
  );
  expectClose(nll as Float32Array, [0, 2000]);
});

it('has the gradient of its formula', async () => {
  const [got] = await onDevice(({ operations, tensor, index }) => {
    const x = tensor(logits, [rows, vocabulary]);
    const { logSumExp } = operations.crossEntropyWithLogSumExp(x, index(targets));
    return operations.crossEntropyBackward(x, index(targets), logSumExp, tensor(gradNll, [rows]));
  });
  expectClose(
    got as Float32Array,
    numericalGradient((x) => dot(losses(x), gradNll), logits),
    { absolute: 1e-6 },
  );
});

it('takes no rows', async () => {
  const results = await onDevice(({ operations, tensor, index }) => {
    const [x, none] = [tensor([], [0, vocabulary]), index([])];
    const { nll, logSumExp } = operations.crossEntropyWithLogSumExp(x, none);
    return [nll, logSumExp, operations.crossEntropyBackward(x, none, logSumExp, nll)];
  });
  expect(results).toEqual(Array(3).fill(new Float32Array(0)));
});

it.each([-1, 9])('refuses target %i of nine logits', (wrong) => {
  const operations = new EagerOperations(createHostBackend());
  const [x, index] = [operations.zeros([2, 9]), operations.index([1, wrong])];
  expect(() => operations.crossEntropy(x, index)).toThrow(InvalidArgumentError);
  expect(() => operations.crossEntropy(x, index)).toThrow(new RegExp(`Got: ${wrong}. Expected: 0 … 8`));
  expect(() => operations.crossEntropy(x, operations.index([1]))).toThrow(ShapeError);
});
