/**
 * Operations that are remembered, and differentiated in reverse. A recording belongs to one training step: make it,
 * compute a loss, take its gradients, dispose of it. What it holds is counted as activations, gradients as gradients.
 */

import type { RopeAngles } from '../backend/context-view.ts';
import { DisposedError, DTypeError, InvalidArgumentError, ShapeError, UnsupportedError } from '../errors/errors.ts';
import type { EagerOperations } from '../operations/eager-operations.ts';
import type { IndexTensor } from '../operations/index-tensor.ts';
import type { AttentionOptions, Operations, ScopeResult } from '../operations/operations.ts';
import { expectShape, formatShape, type Shape, sizeOf } from '../tensor/shape.ts';
import type { Tensor } from '../tensor/tensor.ts';
import { Gradients } from './gradients.ts';
import type { Recorded } from './rule.ts';
import { add, subtract } from './rules/add.ts';
import { attention } from './rules/attention.ts';
import { crossEntropy } from './rules/cross-entropy.ts';
import { embed } from './rules/embed.ts';
import { linear } from './rules/linear.ts';
import { mean } from './rules/mean.ts';
import { multiply, scale } from './rules/multiply.ts';
import { rmsNorm } from './rules/rms-norm.ts';
import { rope } from './rules/rope.ts';
import { swiglu } from './rules/swiglu.ts';
import { reshape, slice } from './rules/views.ts';
import { Variable } from './variable.ts';

/** One operation of the recording. */
interface Step {
  readonly inputs: readonly Variable[];
  readonly output: Variable;
  readonly recorded: Recorded;
}

/** A stretch of operations that is computed twice. */
export interface Recomputed {
  /** Its result, of which only that is kept. */
  readonly forward: (operations: EagerOperations, inputs: readonly Tensor[]) => Tensor;
  /** The same, recorded. */
  readonly again: (recording: RecordingOperations, inputs: readonly Variable[]) => Variable;
}

export class RecordingOperations implements Operations<Variable> {
  readonly #operations: EagerOperations;
  readonly #steps: Step[] = [];
  #disposed = false;

  /**
   * Computes on the backend of `operations` and with its choice of fused operations; scopes in progress there have no
   * say over what is recorded.
   */
  constructor(operations: EagerOperations) {
    this.#operations = operations.separate();
  }

  /** A leaf to differentiate for, f32; DTypeError for others. Its tensor stays the caller's. */
  parameter(value: Tensor): Variable {
    if (value.dtype !== 'f32') {
      throw new DTypeError({
        what: 'A parameter must be f32.',
        got: value.dtype,
        expected: 'f32',
        fix:
          value.dtype === 'f16'
            ? 'cast it, or record it as a constant'
            : 'load the model with f32 weights to train it, or record it as a constant',
      });
    }
    return new Variable(value, true);
  }

  /** A leaf that no gradient is computed for. Its tensor stays the caller's. */
  constant(value: Tensor): Variable {
    return new Variable(value, false);
  }

  shapeOf(value: Variable): Shape {
    return value.shape;
  }

  add(a: Variable, b: Variable): Variable {
    return this.record([a, b], (run) => add(run, a.value, b.value));
  }

  subtract(a: Variable, b: Variable): Variable {
    return this.record([a, b], (run) => subtract(run, a.value, b.value));
  }

  multiply(a: Variable, b: Variable): Variable {
    return this.record([a, b], (run) => multiply(run, a.value, b.value));
  }

  scale(input: Variable, factor: number): Variable {
    return this.record([input], (run) => scale(run, input.value, factor));
  }

  /** Throws UnsupportedError when the gradient would have to flow through weights in blocks. */
  linear(input: Variable, weight: Variable): Variable {
    const { dtype } = weight.value;
    if (dtype !== 'f32' && dtype !== 'f16' && input.differentiable) {
      throw new UnsupportedError({
        what: `Gradients do not flow through ${dtype} weights.`,
        got: `${dtype} weights ${formatShape(weight.shape)}`,
        expected: 'f32 or f16 weights',
        fix: 'load the model with f32 weights to train it, or with f16 weights to train before them',
      });
    }
    return this.record([input, weight], (run) => linear(run, input.value, weight.value));
  }

  embed(table: Variable, ids: IndexTensor): Variable {
    return this.record([table], (run) => embed(run, table.value, ids));
  }

  rmsNorm(input: Variable, weight: Variable | null, epsilon: number): Variable {
    const inputs = weight === null ? [input] : [input, weight];
    return this.record(inputs, (run) => rmsNorm(run, input.value, weight?.value ?? null, epsilon));
  }

  rope(input: Variable, positions: IndexTensor, angles: RopeAngles): Variable {
    return this.record([input], (run) => rope(run, input.value, positions, angles));
  }

  swiglu(gate: Variable, up: Variable): Variable {
    return this.record([gate, up], (run) => swiglu(run, gate.value, up.value));
  }

  attention(queries: Variable, keys: Variable, values: Variable, options: AttentionOptions): Variable {
    return this.record([queries, keys, values], (run) =>
      attention(run, queries.value, keys.value, values.value, options),
    );
  }

  crossEntropy(logits: Variable, targets: IndexTensor): Variable {
    return this.record([logits], (run) => crossEntropy(run, logits.value, targets));
  }

  mean(input: Variable): Variable {
    return this.record([input], (run) => mean(run, input.value));
  }

  reshape(input: Variable, shape: Shape): Variable {
    return this.record([input], (run) => reshape(run, input.value, shape));
  }

  slice(input: Variable, start: number, count: number): Variable {
    return this.record([input], (run) => slice(run, input.value, start, count));
  }

  /**
   * Records an operation that is not one of the above: `forward` computes it with the operations it is given and says how
   * it is differentiated (see Recorded). Its output and what it saved belong to the recording.
   */
  record(inputs: readonly Variable[], forward: (run: EagerOperations) => Recorded): Variable {
    this.#alive();
    const recorded = forward(this.#operations);
    const differentiable = inputs.some((input) => input.differentiable);
    const output = new Variable(recorded.output, differentiable);
    if (!differentiable) for (const saved of recorded.saved ?? []) saved.dispose();
    this.#steps.push({ inputs, output, recorded });
    return output;
  }

  /** Runs `body`; nothing is freed before the recording is, since the gradient needs it. */
  scope<T extends ScopeResult<Variable>>(body: () => T): T;
  scope(body: () => void): void;
  scope(body: () => unknown): unknown {
    return body();
  }

  /**
   * Records a stretch of operations of which only the result is kept: it is computed again when its gradients are asked
   * for (Chen et al., arXiv 1604.06174). `forward` computes it; `again` records the same on leaves with the same values.
   */
  checkpoint(inputs: readonly Variable[], { forward, again }: Recomputed): Variable {
    return this.record(inputs, (run) => ({
      output: run.scope(() =>
        forward(
          run,
          inputs.map(({ value }) => value),
        ),
      ),
      backward: (gradients, gradient, _wanted, present) => {
        using recording = new RecordingOperations(gradients.separate('activations'));
        const leaves = inputs.map(({ value, differentiable }) => new Variable(value, differentiable));
        using found = recording.#differentiate(again(recording, leaves), gradient, gradients, leaves, present);
        // What was present has been added to in place.
        return leaves.map((leaf, place) => {
          const part = present[place] === undefined ? found.take(leaf) : undefined;
          return part === undefined ? null : gradients.own(part);
        });
      },
    }));
  }

  /**
   * Gradients of a scalar loss for every parameter it depends on; others have no entry. Frees what the forward pass kept as
   * it goes, the loss included: read it before, or keep `loss.value.reshape([])`. The recording cannot be used again.
   */
  backward(loss: Variable): Gradients {
    this.#alive();
    this.#checkLoss(loss);
    const run = this.#operations.separate('gradients');
    using one = run.full(loss.shape, 1);
    return this.#differentiate(loss, one, run, [], []);
  }

  /**
   * Gradients of every parameter that `output` depends on, from the gradient of a loss for `output`, of its shape. Else as
   * `backward`; an output that is a parameter itself is among them.
   */
  backwardFrom(output: Variable, gradient: Tensor): Gradients {
    this.#alive();
    expectShape(gradient.shape, output.shape, 'backwardFrom: the gradient');
    return this.#differentiate(output, gradient, this.#operations.separate('gradients'), [], []);
  }

  /**
   * Gradients from that of `output` on; `leaves` may have gradients already, which are added to in place. Frees what the
   * forward pass kept as it goes.
   */
  #differentiate(
    output: Variable,
    gradient: Tensor,
    operations: EagerOperations,
    leaves: readonly Variable[],
    present: readonly (Tensor | undefined)[],
  ): Gradients {
    const run = operations.separate();
    const gradients = new Gradients();
    const shared = (variable: Variable, tensor: Tensor) => gradients.add(run, variable, tensor.reshape(tensor.shape));
    try {
      present.forEach((tensor, place) => {
        if (tensor !== undefined) shared(leaves[place] as Variable, tensor);
      });
      shared(output, gradient);
      for (let step = this.#steps.pop(); step !== undefined; step = this.#steps.pop()) {
        try {
          differentiate(run, step, gradients);
        } finally {
          disposeStep(step);
        }
      }
      return gradients;
    } catch (error) {
      gradients.dispose();
      throw error;
    } finally {
      this.dispose();
    }
  }

  /** Frees everything recorded. Leaves stay the caller's. */
  dispose(): void {
    this.#disposed = true;
    for (const step of this.#steps.splice(0)) disposeStep(step);
  }

  [Symbol.dispose](): void {
    this.dispose();
  }

  #checkLoss(loss: Variable): void {
    if (sizeOf(loss.shape) !== 1) {
      throw new ShapeError({
        what: 'backward needs a scalar loss.',
        got: formatShape(loss.shape),
        expected: 'one element',
        fix: 'take the mean first',
      });
    }
    if (!loss.differentiable || !this.#steps.some(({ output }) => output === loss)) {
      throw new InvalidArgumentError({
        what: 'The loss was not recorded here, or depends on no parameter.',
        fix: 'compute it from a parameter() of this recording',
      });
    }
  }

  #alive(): void {
    if (this.#disposed) {
      throw new DisposedError({ what: 'A recording was used after its gradients were taken or it was disposed of.' });
    }
  }
}

/** Adds the gradients of a step's inputs, and takes that of its output. */
function differentiate(run: EagerOperations, { inputs, output, recorded }: Step, gradients: Gradients): void {
  const gradient = gradients.take(output);
  if (gradient === undefined) return;
  try {
    run.scope(() => {
      const wanted = inputs.map((input) => input.differentiable);
      const present = inputs.map((input) => gradients.get(input));
      recorded.backward(run, gradient, wanted, present).forEach((part, place) => {
        if (part !== null && wanted[place]) gradients.add(run, inputs[place] as Variable, part);
      });
    });
  } finally {
    gradient.dispose();
  }
}

function disposeStep({ output, recorded }: Step): void {
  output.value.dispose();
  for (const saved of recorded.saved ?? []) saved.dispose();
}
