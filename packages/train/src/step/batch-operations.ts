/**
 * What a batch needs beyond the operations of a decoder, recorded for a training step or computed at once for evaluation:
 * operations of one's own, the loss behind the head, and stretches of which only the result is kept.
 */

import type { EagerOperations, IndexTensor, Operations, Tensor } from '@inattention/core';
import type { Recorded, RecordingOperations, Variable } from '@inattention/core/autograd';
import { headLoss, headLossValue } from './head-loss.ts';

export interface BatchOperations<V> {
  readonly operations: Operations<V>;
  /**
   * An operation of one's own: `forward` computes it from the tensors of its inputs, and says how it is differentiated, in
   * their order.
   */
  record(inputs: readonly V[], forward: (run: EagerOperations, tensorOf: (input: V) => Tensor) => Recorded): V;
  /** Σ loss of normalised hidden states [n, D] under a head [V, D], times a factor: a scalar. */
  headLoss(hidden: V, head: V, targets: IndexTensor, factor: number): V;
  /**
   * The result of `body`. `again`: only that is kept of it, and it is computed again for the gradients; else what gradients
   * need is kept too, if there are any to compute.
   */
  stretch(inputs: readonly V[], body: Stretch, again: boolean): V;
}

/** A stretch of a computation; its result is none of its inputs. */
export type Stretch = <V>(run: BatchOperations<V>, inputs: readonly V[]) => V;

/** Operations that are remembered, for gradients. */
export function recorded(recording: RecordingOperations): BatchOperations<Variable> {
  return {
    operations: recording,
    record: (inputs, forward) => recording.record(inputs, (run) => forward(run, ({ value }) => value)),
    headLoss: (hidden, head, targets, factor) =>
      recording.record([hidden, head], (run) =>
        headLoss(run, hidden.value, head.value, targets, factor, {
          hidden: hidden.differentiable,
          head: head.differentiable,
        }),
      ),
    stretch(inputs, body, again) {
      if (!again && inputs.some(({ differentiable }) => differentiable)) return body(this, inputs);
      return recording.checkpoint(inputs, {
        forward: (run, values) => body(computed(run), values),
        again: (later, variables) => body(recorded(later), variables),
      });
    },
  };
}

/** Operations that only compute, for evaluation. */
export function computed(operations: EagerOperations): BatchOperations<Tensor> {
  const run: BatchOperations<Tensor> = {
    operations,
    record: (_inputs, forward) => {
      const { output, saved = [] } = forward(operations, (input) => input);
      for (const part of saved) part.dispose();
      return output;
    },
    headLoss: (hidden, head, targets, factor) =>
      operations.scope(() => operations.scale(headLossValue(operations, hidden, head, targets), factor)),
    stretch: (inputs, body) => body(run, inputs),
  };
  return run;
}
