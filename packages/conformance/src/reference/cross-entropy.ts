/**
 * Cross-entropy of logits [n, V] against one target id per row, in nats:
 *
 *     lse_n = max_v z_nv + log Σ_v exp(z_nv − max)        nll_n = lse_n − z_{n, t_n}
 *     dz_nv = dnll_n ( exp(z_nv − lse_n) − [v = t_n] )
 */

import { TokenOutOfRangeError } from '@inattention/core';
import { expectShape, type NdArray, zeros } from './nd-array.ts';

export interface CrossEntropyResult {
  /** [n] */
  readonly nll: NdArray;
  /** [n] */
  readonly logSumExp: NdArray;
}

export function crossEntropyForward(logits: NdArray, targets: ArrayLike<number>): CrossEntropyResult {
  const [rows, vocabulary] = checkTargets(logits, targets);
  const nll = zeros([rows]);
  const logSumExp = zeros([rows]);
  for (let n = 0; n < rows; n += 1) {
    let max = Number.NEGATIVE_INFINITY;
    for (let v = 0; v < vocabulary; v += 1) max = Math.max(max, logits.data[n * vocabulary + v]);
    let total = 0;
    for (let v = 0; v < vocabulary; v += 1) total += Math.exp(logits.data[n * vocabulary + v] - max);
    logSumExp.data[n] = max + Math.log(total);
    nll.data[n] = logSumExp.data[n] - logits.data[n * vocabulary + targets[n]];
  }
  return { nll, logSumExp };
}

/** The gradient of the logits, [n, V], from that of each row's nll, [n]. */
export function crossEntropyBackward(logits: NdArray, targets: ArrayLike<number>, gradNll: NdArray): NdArray {
  const [rows, vocabulary] = checkTargets(logits, targets);
  expectShape(gradNll, [rows], 'The gradient of a cross-entropy');
  const { logSumExp } = crossEntropyForward(logits, targets);
  const gradLogits = zeros(logits.shape);
  for (let n = 0; n < rows; n += 1) {
    for (let v = 0; v < vocabulary; v += 1) {
      const probability = Math.exp(logits.data[n * vocabulary + v] - logSumExp.data[n]);
      gradLogits.data[n * vocabulary + v] = gradNll.data[n] * (probability - (v === targets[n] ? 1 : 0));
    }
  }
  return gradLogits;
}

function checkTargets(logits: NdArray, targets: ArrayLike<number>): readonly [number, number] {
  expectShape(logits, [targets.length, null], 'Logits');
  const [rows, vocabulary] = logits.shape;
  for (let n = 0; n < rows; n += 1) {
    if (!(Number.isInteger(targets[n]) && targets[n] >= 0 && targets[n] < vocabulary)) {
      throw new TokenOutOfRangeError({
        what: `Target ${n} is not an id of the vocabulary.`,
        got: String(targets[n]),
        expected: `an integer from 0 to ${vocabulary - 1}`,
      });
    }
  }
  return [rows, vocabulary];
}
