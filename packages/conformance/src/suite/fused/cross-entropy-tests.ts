/** crossEntropy and its gradient: fused, composed and reference agree, over vocabularies of every length. */

import { type RandomNumbers, randomNumbers } from '../../inputs/random-numbers.ts';
import { crossEntropyBackward, crossEntropyForward } from '../../reference/cross-entropy.ts';
import { type NdArray, ndArray } from '../../reference/nd-array.ts';
import { expectThat } from '../assertions.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { atEachOffset } from '../device-arrays.ts';
import { evaluate, variantsOf } from '../evaluate.ts';
import { sweptLengths } from '../lengths.ts';

export function crossEntropyTests(group: Group): void {
  group.describe('crossEntropy', () => {
    for (const { name, fused } of variantsOf(group.fused.has('crossEntropy'))) {
      group.test(`forward, ${name}`, (trial) => forward(trial, fused));
    }
    for (const { name, fused } of variantsOf(group.fused.has('crossEntropyBackward'))) {
      group.test(`backward, ${name}`, (trial) => backward(trial, fused));
    }
    if (group.fused.has('crossEntropy') && group.fused.has('crossEntropyBackward')) {
      group.test('in place, at any offset', (trial) => direct(trial));
    }
  });
}

interface Rows {
  readonly logits: NdArray;
  readonly targets: readonly number[];
  readonly gradNll: NdArray;
  readonly what: string;
}

const shapes = [...sweptLengths.map((width) => [3, width] as const), [65, 40] as const, [257, 9] as const];

function* inputs(seed: number): Generator<Rows> {
  const random = randomNumbers(seed);
  for (const [rows, width] of shapes) yield peakedRows(random, rows, width);
}

/**
 * Rows shifted by up to 20, each with one likely token, its target now that token, now another: a softmax without its
 * maximum or its sum, or a neighbour's target, is far off.
 */
function peakedRows(random: RandomNumbers, rows: number, width: number): Rows {
  const numbers = random.normals(rows * width);
  const likely = Array.from({ length: rows }, () => random.integer(width));
  likely.forEach((token, row) => {
    const shift = 20 * (2 * random.uniform() - 1);
    for (let v = 0; v < width; v += 1) {
      const peak = v === token ? Math.log(width) + 2 : 0;
      numbers[row * width + v] = Math.fround((numbers[row * width + v] as number) * 0.7 + shift + peak);
    }
  });
  const logits = ndArray([rows, width], numbers);
  const { nll } = crossEntropyForward(logits, likely);
  const mean = nll.data.reduce((sum, loss) => sum + Math.exp(-loss), 0) / rows;
  expectThat(mean > 0.3, `The likely tokens of [${rows}, ${width}] are not likely: ${mean}.`);
  return {
    logits,
    targets: likely.map((token, row) => (row % 2 === 0 ? token : random.integer(width))),
    gradNll: ndArray([rows], random.normals(rows)),
    what: `[${rows}, ${width}]`,
  };
}

async function forward({ backend, expectClose }: Trial, fused: boolean): Promise<void> {
  for (const { logits, targets, what } of inputs(81)) {
    const expected = crossEntropyForward(logits, targets);
    const got = await evaluate(backend, fused, ({ operations, floats, index }) => {
      const { nll, logSumExp } = operations.crossEntropyWithLogSumExp(floats(logits), index(targets));
      return { nll, logSumExp };
    });
    expectClose(got.nll, expected.nll.data, { operation: 'crossEntropy', what });
    expectClose(got.logSumExp, expected.logSumExp.data, { operation: 'crossEntropy', what: `log Σ exp, ${what}` });
  }
}

async function backward({ backend, expectClose }: Trial, fused: boolean): Promise<void> {
  for (const { logits, targets, gradNll, what } of inputs(82)) {
    const { logSumExp } = crossEntropyForward(logits, targets);
    const { gradient } = await evaluate(backend, fused, ({ operations, floats, index }) => ({
      gradient: operations.crossEntropyBackward(floats(logits), index(targets), floats(logSumExp), floats(gradNll)),
    }));
    const expected = crossEntropyBackward(logits, targets, gradNll).data;
    expectClose(gradient, expected, { operation: 'crossEntropyBackward', what });
  }
}

async function direct({ backend, expectClose }: Trial): Promise<void> {
  const { logits, targets, gradNll } = peakedRows(randomNumbers(83), 5, 131);
  const expected = crossEntropyForward(logits, targets);
  const gradient = crossEntropyBackward(logits, targets, gradNll).data;
  await atEachOffset(backend, async (arrays) => {
    const rows = arrays.floats(logits.shape, logits.data);
    const wanted = arrays.integers([5], targets);
    const [nll, logSumExp] = [arrays.floats([5]), arrays.floats([5])];
    backend.fused.crossEntropy?.({ logits: rows, targets: wanted, nll, logSumExp });
    expectClose(await arrays.read(nll), expected.nll.data, { operation: 'crossEntropy', what: 'at an offset' });
    const weights = arrays.floats([5], gradNll.data);
    const shared = { logits: rows, targets: wanted, logSumExp, gradNll: weights };
    const gradLogits = arrays.floats(logits.shape);
    backend.fused.crossEntropyBackward?.({ ...shared, gradLogits });
    backend.fused.crossEntropyBackward?.({ ...shared, gradLogits: rows });
    for (const [view, what] of [[gradLogits, 'at an offset'] as const, [rows, 'in place of the logits'] as const]) {
      expectClose(await arrays.read(view), gradient, { operation: 'crossEntropyBackward', what });
    }
  });
}
