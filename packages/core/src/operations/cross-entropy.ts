/** Cross-entropy of rows of logits against target ids, in natural logarithms, and its gradient. */

import { InvalidArgumentError, UnsupportedError } from '../errors/errors.ts';
import { Tensor } from '../tensor/tensor.ts';
import { binary, unary } from './elementwise.ts';
import { IndexTensor } from './index-tensor.ts';
import { expectFloat, type OperationContext, produce } from './operation-context.ts';
import { reduce } from './reduce.ts';
import { embed, scatterAddRows } from './rows.ts';

const largestInteger = 2 ** 31 - 1;

/** Per row: nll [n] and logSumExp [n]. */
export type CrossEntropy = {
  readonly nll: Tensor;
  readonly logSumExp: Tensor;
};

export function crossEntropy(context: OperationContext, logits: Tensor, targets: IndexTensor): CrossEntropy {
  check(context, logits, targets);
  const rows = targets.length;
  const { crossEntropy: fused } = context.fused;
  return context.scope(() => {
    if (fused !== undefined) {
      const result = { nll: context.allocate([rows]), logSumExp: context.allocate([rows]) };
      if (rows > 0) fused({ logits, targets: targets.tensor, ...result });
      return result;
    }
    if (rows === 0) return { nll: context.allocate([0]), logSumExp: context.allocate([0]) };
    const max = reduce(context, 'max', logits, 1); // [n]
    const shifted = binary(context, 'subtract', logits, context.own(max.reshape([rows, 1])));
    const sum = reduce(context, 'sum', unary(context, 'exp', shifted), 1);
    const logSumExp = binary(context, 'add', unary(context, 'log', sum), max);
    const picked = embed(context, elements(context, logits), targetElements(context, logits, targets)); // [n, 1]
    return { nll: binary(context, 'subtract', logSumExp, context.own(picked.reshape([rows]))), logSumExp };
  });
}

/** gradLogits = gradNll · (softmax(logits) − onehot(target)), [n, V]. */
export function crossEntropyBackward(
  context: OperationContext,
  logits: Tensor,
  targets: IndexTensor,
  logSumExp: Tensor,
  gradNll: Tensor,
): Tensor {
  check(context, logits, targets);
  expectFloat(context, logSumExp, 'crossEntropyBackward: logSumExp', [targets.length]);
  expectFloat(context, gradNll, 'crossEntropyBackward: the gradient', [targets.length]);
  const { crossEntropyBackward: fused } = context.fused;
  if (fused !== undefined) {
    return produce(context, logits.shape, (gradLogits) =>
      fused({ logits, targets: targets.tensor, logSumExp, gradNll, gradLogits }),
    );
  }
  return context.scope(() => {
    const perRow = (tensor: Tensor) => context.own(tensor.reshape([targets.length, 1]));
    const softmax = unary(context, 'exp', binary(context, 'subtract', logits, perRow(logSumExp)));
    const weighted = binary(context, 'multiply', softmax, perRow(gradNll));
    const atTargets = scatterAddRows(context, targetElements(context, logits, targets), perRow(gradNll), logits.size);
    return binary(context, 'subtract', weighted, context.own(atTargets.reshape(logits.shape)));
  });
}

/** The logits as a table of single numbers, [n · V, 1]. */
function elements(context: OperationContext, logits: Tensor): Tensor {
  return context.own(logits.reshape([logits.size, 1]));
}

/** Element number of each row's target. */
function targetElements(context: OperationContext, logits: Tensor, targets: IndexTensor): IndexTensor {
  const width = logits.shape[1] as number;
  if (logits.size > largestInteger) {
    throw new UnsupportedError({
      what: 'Without a fused crossEntropy, logits must be countable in 32 bits.',
      got: `${logits.size} logits`,
      expected: `at most ${largestInteger}`,
      fix: 'take fewer rows at a time',
    });
  }
  const numbers = targets.values.map((target, row) => row * width + target);
  return IndexTensor.over(numbers, context.own(Tensor.from(context.backend, numbers, [numbers.length], 'scratch')));
}

function check(context: OperationContext, logits: Tensor, targets: IndexTensor): void {
  expectFloat(context, logits, 'crossEntropy: the logits', [targets.length, null]);
  const width = logits.shape[1] as number;
  const wrong = targets.values.find((target) => target < 0 || target >= width);
  if (wrong !== undefined) {
    throw new InvalidArgumentError({
      what: 'crossEntropy was given a target outside the logits.',
      got: String(wrong),
      expected: `0 … ${width - 1}`,
    });
  }
}
