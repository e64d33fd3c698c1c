/**
 * The primitives every backend provides. Everything else in the project can be composed from these (core does).
 *
 * Conventions: destination passing, nothing is allocated for the caller; all views contiguous and row-major; f32
 * unless said; calls enqueue and return. `out` never overlaps an input, except that an elementwise operation's `out`
 * may be exactly one of its inputs.
 */

import type { TensorView } from './tensor-view.ts';

/**
 * How the second operand of an elementwise operation repeats: element i of `a` meets element
 * `floor(i / stride) % length` of `b`. Same shape: (size, 1). A row vector [n] over [.., n]: (n, 1). One number per
 * row of [m, n]: (m, n). A scalar: (1, 1).
 */
export interface Broadcast {
  readonly length: number;
  readonly stride: number;
}

export interface BinaryArguments {
  readonly a: TensorView;
  readonly b: TensorView;
  readonly broadcast: Broadcast;
  readonly out: TensorView;
}

export interface UnaryArguments {
  readonly input: TensorView;
  readonly out: TensorView;
}

/** `input` seen as [outer, axis, inner] is reduced over `axis` into `out` [outer, inner]. */
export interface ReduceArguments {
  readonly input: TensorView;
  readonly outer: number;
  readonly axis: number;
  readonly inner: number;
  readonly out: TensorView;
}

/**
 * out[b] = scale · op(a[b]) · op(b[b]) (+ out[b] when `accumulate`), for b in 0 … batch−1.
 * op(a[b]) is [rows, inner]; stored [inner, rows] when `transposeA`. op(b[b]) is [inner, columns]; stored
 * [columns, inner] when `transposeB`. A stride (in elements) of 0 repeats one matrix for the whole batch.
 */
export interface MatmulArguments {
  readonly a: TensorView;
  /**
   * f32, or a dtype in `capabilities.weightDTypes`. i8 only with `transposeB`: stored [columns, inner] with blocks along
   * `inner`; scales [columns, ceil(inner / blockLength)] per matrix. q4_1 and q8_0 likewise, and without `transposeA`.
   */
  readonly b: TensorView;
  readonly out: TensorView;
  readonly batch: number;
  readonly rows: number;
  readonly columns: number;
  readonly inner: number;
  readonly transposeA: boolean;
  readonly transposeB: boolean;
  readonly strideA: number;
  readonly strideB: number;
  readonly scale: number;
  readonly accumulate: boolean;
}

/**
 * out[i] = row (ids[i] · stride + offset) of a table kept in pages of `rowsPerPage` rows; a zero row when ids[i] < 0.
 * With `accumulate` the row is added to out[i].
 */
export interface GatherRowsArguments {
  /**
   * Each [rowsPerPage (the last may be shorter), width]; f32, or a dtype in `weightDTypes` or `contextDTypes`. All of one
   * dtype; i8 with blocks along `width`, all of one length; q4_1 and q8_0 with rows of whole blocks.
   */
  readonly pages: readonly TensorView[];
  readonly rowsPerPage: number;
  /** i32 [n]. */
  readonly ids: TensorView;
  readonly stride: number;
  readonly offset: number;
  readonly width: number;
  readonly accumulate: boolean;
  /** f32 [n, width]. */
  readonly out: TensorView;
}

/**
 * out[rows[u]] += Σ_{s = starts[u]}^{starts[u+1]−1} source[order[s]], for u in 0 … count−1. Rows are distinct, so the
 * result does not depend on scheduling: deterministic without float atomics. A source row may be used several times.
 */
export interface ScatterAddRowsArguments {
  /** f32 [n, width]. */
  readonly source: TensorView;
  /** i32 [count]. */
  readonly rows: TensorView;
  /** i32 [count + 1]. */
  readonly starts: TensorView;
  /** i32 [starts[count]]. */
  readonly order: TensorView;
  readonly count: number;
  readonly width: number;
  /** f32 [R, width], added to. */
  readonly out: TensorView;
}

/** out = input with its axes in the order `axes` (out axis k is input axis axes[k]); at most 4 axes. */
export interface PermuteArguments {
  readonly input: TensorView;
  readonly axes: readonly number[];
  readonly out: TensorView;
}

/**
 * Copies `outer` runs of `length` elements: out[outOffset + o·outStride + k] = input[inputOffset + o·inputStride + k].
 * Same dtype on both sides (any but i8, q4_1, q8_0); offsets, strides and length in elements. `input` and `out` may be regions of one
 * buffer if the regions read and written do not overlap. For f16, offsets, strides and length are even.
 */
export interface CopyBlockArguments {
  readonly input: TensorView;
  readonly inputOffset: number;
  readonly inputStride: number;
  readonly out: TensorView;
  readonly outOffset: number;
  readonly outStride: number;
  readonly outer: number;
  readonly length: number;
}

export interface Primitives {
  /** out = value, f32, i32 or u32. */
  fill(args: { readonly out: TensorView; readonly value: number }): void;
  /** out = input converted: f32 ↔ f16 (round to nearest even), i32 → f32, or a plain copy of equal dtypes (not i8, q4_1, q8_0). */
  cast(args: UnaryArguments): void;
  add(args: BinaryArguments): void;
  subtract(args: BinaryArguments): void;
  multiply(args: BinaryArguments): void;
  divide(args: BinaryArguments): void;
  /** out = scale · input + offset. */
  affine(args: UnaryArguments & { readonly scale: number; readonly offset: number }): void;
  exp(args: UnaryArguments): void;
  log(args: UnaryArguments): void;
  sqrt(args: UnaryArguments): void;
  /** 1 / (1 + exp(−input)), without overflow. */
  sigmoid(args: UnaryArguments): void;
  sum(args: ReduceArguments): void;
  max(args: ReduceArguments): void;
  matmul(args: MatmulArguments): void;
  gatherRows(args: GatherRowsArguments): void;
  scatterAddRows(args: ScatterAddRowsArguments): void;
  permute(args: PermuteArguments): void;
  copyBlock(args: CopyBlockArguments): void;
}
