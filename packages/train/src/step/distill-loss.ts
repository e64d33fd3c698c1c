/**
 * The loss of a student that learns from a teacher's logits (Hinton et al., arXiv 1503.02531), summed over rows:
 *
 *     weight · T² · KL(softmax(z_teacher / T) ‖ softmax(z_student / T)) + (1 − weight) · −log softmax(z_student)[target]
 *
 * T² keeps the size of the gradients: that of a row's z_student is weight · T · (p_student − p_teacher) besides that of
 * cross-entropy. Logits of both exist for a block of rows at a time. Composed of elementwise operations, in place where
 * they can be: some ten passes over logits whose products take 8·D operations each, so that a fused kernel would save a
 * few per cent.
 *
 * Shape letters: n rows, D hidden size, V vocabulary.
 */

import type { EagerOperations, IndexTensor, Tensor } from '@inattention/core';
import type { Recorded } from '@inattention/core/autograd';
import { addCrossEntropy, lossWithGradients, type WantedGradients } from './head-loss.ts';
import type { LogitBlock } from './logit-blocks.ts';

/** The teacher of a batch, as far as its logits. */
export interface TeacherLogits {
  /** Normalised last hidden states of the same rows, [n, D of the teacher]. */
  readonly hidden: Tensor;
  /** [V, D of the teacher] */
  readonly head: Tensor;
}

interface DistillLossOptions {
  /** T */
  readonly temperature: number;
  readonly weight: number;
  /** Of the whole loss. */
  readonly factor: number;
  readonly wanted: WantedGradients;
}

/** factor · Σ loss of hidden states [n, D] under a head [V, D], as a scalar, and how it is differentiated. */
export function distillLoss(
  operations: EagerOperations,
  hidden: Tensor,
  head: Tensor,
  targets: IndexTensor,
  teacher: TeacherLogits,
  { temperature, weight, factor, wanted }: DistillLossOptions,
): Recorded {
  const { primitives } = operations.backend;
  return lossWithGradients(operations, hidden, head, targets, wanted, (block, total) => {
    const crossEntropy = weight === 1 ? null : crossEntropyOf(block, total);
    const student = block.logits;
    const taught = operations.linear(block.slice(teacher.hidden), teacher.head); // [rows, V]
    for (const logits of [student, taught]) toLogProbabilities(operations, logits, block.targets, temperature);
    operations.scope(() => {
      const ratio = operations.subtract(taught, student); // log p_teacher − log p_student
      primitives.exp({ input: taught, out: taught });
      primitives.multiply({ a: ratio, b: taught, broadcast: whole(ratio), out: ratio });
      const divergence = operations.sum(operations.sum(ratio, 1), 0);
      operations.addInto(total, operations.scale(divergence, factor * weight * temperature * temperature));
    });
    primitives.exp({ input: student, out: student });
    primitives.subtract({ a: student, b: taught, broadcast: whole(taught), out: student });
    primitives.affine({ input: student, scale: factor * weight * temperature, offset: 0, out: student });
    if (crossEntropy !== null) operations.addInto(student, crossEntropy);
    return student;
  });

  /** Adds cross-entropy to the total; the gradient of the logits. */
  function crossEntropyOf(block: LogitBlock, total: Tensor): Tensor {
    const logSumExp = addCrossEntropy(operations, block, factor * (1 - weight), total);
    const gradNll = operations.full([block.targets.length], factor * (1 - weight));
    return operations.crossEntropyBackward(block.logits, block.targets, logSumExp, gradNll);
  }
}

/** logits ← log softmax(logits / T), row by row, in place. Which ids are the targets makes no difference. */
function toLogProbabilities(operations: EagerOperations, logits: Tensor, targets: IndexTensor, temperature: number) {
  const { primitives } = operations.backend;
  if (temperature !== 1) primitives.affine({ input: logits, scale: 1 / temperature, offset: 0, out: logits });
  operations.scope(() => {
    const { logSumExp } = operations.crossEntropyWithLogSumExp(logits, targets);
    const [rows = 0, width = 1] = logits.shape;
    primitives.subtract({ a: logits, b: logSumExp, broadcast: { length: rows, stride: width }, out: logits });
  });
}

function whole({ size }: Tensor): { readonly length: number; readonly stride: number } {
  return { length: size, stride: 1 };
}
