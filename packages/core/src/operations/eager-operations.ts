/**
 * Operations that compute at once, on one backend. Results belong to the innermost `scope` in progress, or to the
 * caller. The scopes are this object's own: nothing is global.
 */

import type { Backend } from '../backend/backend.ts';
import type { ContextView, RopeAngles } from '../backend/context-view.ts';
import type { FusedOperations } from '../backend/fused.ts';
import { DTypeError, InvalidArgumentError } from '../errors/errors.ts';
import type { Purpose } from '../ledger/ledger.ts';
import type { DType, HostArray } from '../tensor/dtype.ts';
import { expectShape, type Shape } from '../tensor/shape.ts';
import { Tensor } from '../tensor/tensor.ts';
import { type AttendOptions, attend } from './attend.ts';
import { type AttendBackwardInputs, type AttentionGradients, attendBackward } from './attend-backward.ts';
import { attendEach } from './attend-each.ts';
import { type AttendWeightsOptions, attendWeights } from './attend-weights.ts';
import type { ScoreOptions } from './attention-scores.ts';
import { type AttentionState, logSumExp, mergeAttention } from './attention-state.ts';
import { type CrossEntropy, crossEntropy, crossEntropyBackward } from './cross-entropy.ts';
import { addInto, affine, binary, unary } from './elementwise.ts';
import { type DenseContext, expandContext } from './expand-context.ts';
import { IndexTensor } from './index-tensor.ts';
import { linear, linearInto, type MatmulOptions, matmul } from './matmul.ts';
import { cast, permute } from './movement.ts';
import type { OperationContext } from './operation-context.ts';
import type { AttentionOptions, Operations, ScopeResult } from './operations.ts';
import { mean, reduce } from './reduce.ts';
import { type Normalised, type NormGradients, rmsNorm, rmsNormBackward, rmsNormWithInverse } from './rms-norm.ts';
import { rope } from './rope.ts';
import type { RowGroups } from './row-groups.ts';
import { addGroupedRows, addRows, embed, gatherRows, scatterAddRows } from './rows.ts';
import { swiglu, swigluBackward } from './swiglu.ts';

export interface EagerOptions {
  /** False: only required primitives are used. Default true. */
  readonly fused?: boolean;
  /** What results are counted as. Default 'activations'. */
  readonly purpose?: Purpose;
}

export class EagerOperations implements Operations<Tensor>, OperationContext {
  readonly backend: Backend;
  readonly fused: Partial<FusedOperations>;
  readonly #usesFused: boolean;
  readonly #purpose: Purpose;
  /** Tensors made in each scope in progress, innermost last. */
  readonly #scopes: Set<Tensor>[] = [];

  constructor(backend: Backend, { fused = true, purpose = 'activations' }: EagerOptions = {}) {
    this.backend = backend;
    this.fused = fused ? backend.fused : {};
    this.#usesFused = fused;
    this.#purpose = purpose;
  }

  /** Operations on the same backend, with the same choice of fused ones, that have scopes of their own. */
  separate(purpose = this.#purpose): EagerOperations {
    return new EagerOperations(this.backend, { fused: this.#usesFused, purpose });
  }

  /** A tensor with undefined contents. Default dtype f32. */
  allocate(shape: Shape, dtype: DType = 'f32', purpose = this.#purpose): Tensor {
    return this.own(Tensor.allocate(this.backend, shape, dtype, purpose));
  }

  own(tensor: Tensor): Tensor {
    this.#scopes.at(-1)?.add(tensor);
    return tensor;
  }

  /** Takes a tensor out of every scope in progress: the caller owns it. */
  keep(tensor: Tensor): Tensor {
    for (const scope of this.#scopes) scope.delete(tensor);
    return tensor;
  }

  scope<T extends ScopeResult<Tensor>>(body: () => T): T;
  scope(body: () => void): void;
  scope(body: () => unknown): unknown {
    const made = new Set<Tensor>();
    this.#scopes.push(made);
    try {
      const result = body();
      if (result instanceof Promise) {
        result.catch(() => {}); // what it awaits is about to be disposed of
        throw new InvalidArgumentError({
          what: 'A scope was given an asynchronous body.',
          got: 'a promise',
          expected: 'a body that returns tensors',
          fix: 'return the tensors from the scope, and read them outside',
        });
      }
      for (const tensor of tensorsOf(result)) {
        if (!made.delete(tensor)) continue;
        this.#scopes.at(-2)?.add(tensor);
      }
      return result;
    } finally {
      this.#scopes.pop();
      for (const tensor of made) tensor.dispose();
    }
  }

  /** Copies host data to the device. */
  upload(data: HostArray, shape: Shape, purpose = this.#purpose): Tensor {
    return this.own(Tensor.from(this.backend, data, shape, purpose));
  }

  /** Integers on host and device; dispose of them after use. */
  index(values: Int32Array | readonly number[]): IndexTensor {
    return new IndexTensor(this.backend, values, this.#purpose);
  }

  zeros(shape: Shape, purpose = this.#purpose): Tensor {
    return this.full(shape, 0, 'f32', purpose);
  }

  /** A tensor with every element `value`; any dtype but f16 and i8. */
  full(shape: Shape, value: number, dtype: DType = 'f32', purpose = this.#purpose): Tensor {
    if (dtype === 'f16') {
      throw new DTypeError({ what: 'full does not take f16.', got: dtype, fix: 'make it f32 and cast it' });
    }
    return this.scope(() => {
      const out = this.allocate(shape, dtype, purpose);
      if (out.size > 0) this.backend.primitives.fill({ out, value });
      return out;
    });
  }

  shapeOf(value: Tensor): Shape {
    return value.shape;
  }

  add(a: Tensor, b: Tensor): Tensor {
    return binary(this, 'add', a, b);
  }

  /** target ← target + part, in place, for equal shapes. */
  addInto(target: Tensor, part: Tensor): void {
    addInto(this, target, part);
  }

  subtract(a: Tensor, b: Tensor): Tensor {
    return binary(this, 'subtract', a, b);
  }

  multiply(a: Tensor, b: Tensor): Tensor {
    return binary(this, 'multiply', a, b);
  }

  divide(a: Tensor, b: Tensor): Tensor {
    return binary(this, 'divide', a, b);
  }

  scale(input: Tensor, factor: number): Tensor {
    return affine(this, input, factor, 0);
  }

  /** scale · input + offset. */
  affine(input: Tensor, scale: number, offset: number): Tensor {
    return affine(this, input, scale, offset);
  }

  exp(input: Tensor): Tensor {
    return unary(this, 'exp', input);
  }

  log(input: Tensor): Tensor {
    return unary(this, 'log', input);
  }

  sqrt(input: Tensor): Tensor {
    return unary(this, 'sqrt', input);
  }

  sigmoid(input: Tensor): Tensor {
    return unary(this, 'sigmoid', input);
  }

  sum(input: Tensor, axis: number): Tensor {
    return reduce(this, 'sum', input, axis);
  }

  max(input: Tensor, axis: number): Tensor {
    return reduce(this, 'max', input, axis);
  }

  matmul(a: Tensor, b: Tensor, options?: MatmulOptions): Tensor {
    return matmul(this, a, b, options);
  }

  linear(input: Tensor, weight: Tensor): Tensor {
    return linear(this, input, weight);
  }

  /** out ← x Wᵀ, in place. */
  linearInto(out: Tensor, input: Tensor, weight: Tensor): void {
    linearInto(this, out, input, weight);
  }

  embed(table: Tensor, ids: IndexTensor): Tensor {
    return embed(this, table, ids);
  }

  /** Rows `ids` (i32 [n], trusted) of a table in pages [rowsPerPage, D]: [n, D]. */
  gatherRows(pages: readonly Tensor[], rowsPerPage: number, ids: Tensor): Tensor {
    return gatherRows(this, pages, rowsPerPage, ids);
  }

  /** Zeros [rows, D] with `source` [n, D] added at rows `ids`. */
  scatterAddRows(ids: IndexTensor, source: Tensor, rows: number): Tensor {
    return scatterAddRows(this, ids, source, rows);
  }

  /** Rows `ids` of `table` [rows, D] += `source` [n, D], in place; −1 adds nowhere. */
  addRows(table: Tensor, ids: IndexTensor, source: Tensor): void {
    addRows(this, table, ids, source);
  }

  /** As addRows, with ids that were sorted once for many additions. */
  addGroupedRows(table: Tensor, groups: RowGroups, source: Tensor): void {
    addGroupedRows(this, table, groups, source);
  }

  cast(input: Tensor, dtype: DType): Tensor {
    return cast(this, input, dtype);
  }

  copy(input: Tensor): Tensor {
    return cast(this, input, input.dtype);
  }

  permute(input: Tensor, axes: readonly number[]): Tensor {
    return permute(this, input, axes);
  }

  rmsNorm(input: Tensor, weight: Tensor | null, epsilon: number): Tensor {
    return rmsNorm(this, input, weight, epsilon);
  }

  /** rmsNorm with 1 / sqrt(mean(x²) + ε) per row. */
  rmsNormWithInverse(input: Tensor, weight: Tensor | null, epsilon: number): Normalised {
    return rmsNormWithInverse(this, input, weight, epsilon);
  }

  /** 1 / sqrt(mean(x²) + ε) per row, [n]. */
  inverseRms(input: Tensor, epsilon: number): Tensor {
    return this.scope(() => rmsNormWithInverse(this, input, null, epsilon).inverseRms);
  }

  rmsNormBackward(input: Tensor, weight: Tensor | null, inverseRms: Tensor, gradOut: Tensor): NormGradients {
    return rmsNormBackward(this, input, weight, inverseRms, gradOut);
  }

  rope(input: Tensor, positions: IndexTensor, angles: RopeAngles, inverse = false): Tensor {
    return rope(this, input, positions, angles, inverse);
  }

  swiglu(gate: Tensor, up: Tensor): Tensor {
    return swiglu(this, gate, up);
  }

  swigluBackward(gate: Tensor, up: Tensor, gradOut: Tensor): { readonly gate: Tensor; readonly up: Tensor } {
    return swigluBackward(this, gate, up, gradOut);
  }

  attention(queries: Tensor, keys: Tensor, values: Tensor, options: AttentionOptions): Tensor {
    return this.scope(() => {
      const { slopes, scale, positions, firstPosition } = options;
      const slopeTensor = slopes === null ? null : this.upload(Float32Array.from(slopes), [slopes.length]);
      const view = denseContext(keys, values, firstPosition);
      return attend(this, queries, positions, view, { scale, slopes: slopeTensor }).out;
    });
  }

  attend(queries: Tensor, positions: IndexTensor, view: ContextView, options: AttendOptions): AttentionState {
    return attend(this, queries, positions, view, options);
  }

  /** Attention of query t of [T, H, C] over all of `views[t]`: [T, H, C]. */
  attendEach(queries: Tensor, positions: IndexTensor, views: readonly ContextView[], options: ScoreOptions): Tensor {
    return attendEach(this, queries, positions, views, options);
  }

  mergeAttention(states: readonly AttentionState[]): AttentionState {
    return mergeAttention(this, states);
  }

  /** max + log(sum), [T, H]. */
  logSumExp(state: AttentionState): Tensor {
    return logSumExp(this, state);
  }

  attendWeights(queries: Tensor, position: IndexTensor, view: ContextView, options: AttendWeightsOptions): Tensor {
    return attendWeights(this, queries, position, view, options);
  }

  attendBackward(inputs: AttendBackwardInputs, options: Pick<AttendOptions, 'scale' | 'slopes'>): AttentionGradients {
    return attendBackward(this, inputs, options);
  }

  /** Entries [from, to) of a view as dense f32 keys (rotated) and values. */
  expandContext(view: ContextView, from: number, to: number): DenseContext {
    return expandContext(this, view, from, to);
  }

  crossEntropy(logits: Tensor, targets: IndexTensor): Tensor {
    return this.scope(() => crossEntropy(this, logits, targets).nll);
  }

  /** crossEntropy with the log-sum-exp of each row. */
  crossEntropyWithLogSumExp(logits: Tensor, targets: IndexTensor): CrossEntropy {
    return crossEntropy(this, logits, targets);
  }

  crossEntropyBackward(logits: Tensor, targets: IndexTensor, logSumExp: Tensor, gradNll: Tensor): Tensor {
    return crossEntropyBackward(this, logits, targets, logSumExp, gradNll);
  }

  mean(input: Tensor): Tensor {
    return mean(this, input);
  }

  reshape(input: Tensor, shape: Shape): Tensor {
    return this.own(input.reshape(shape));
  }

  slice(input: Tensor, start: number, count: number): Tensor {
    return this.own(input.slice(start, count));
  }
}

/** Dense keys and values [N, G, C] as a view. */
export function denseContext(keys: Tensor, values: Tensor, firstPosition: number): ContextView {
  expectShape(keys.shape, [null, null, null], 'The keys of a dense context');
  expectShape(values.shape, keys.shape, 'The values of a dense context');
  const [length, kvHeads, headDim] = keys.shape as readonly [number, number, number];
  return {
    length,
    firstPosition,
    kvHeads,
    headDim,
    window: 1,
    rows: { pages: [{ keys, values }], rowsPerPage: Math.max(1, length) },
    pageLength: Math.max(1, length),
    index: null,
    scale: null,
    positionRows: null,
    rope: null,
  };
}

/** The tensors in a scope's result. */
function tensorsOf(result: unknown): Tensor[] {
  if (result instanceof Tensor) return [result];
  if (typeof result !== 'object' || result === null) return [];
  return Object.values(result).filter((part) => part instanceof Tensor);
}
