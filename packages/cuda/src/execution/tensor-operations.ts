/**
 * TensorFlow's operations by what they do, on handles: the vocabulary kernels are written in. One call, one operation.
 * Shapes are those of TensorFlow: broadcasting is its own.
 */

import type { NativeType } from '../native/native-binding.ts';
import { elementsOf, type Handle } from './handle.ts';
import type { Attributes, Runtime } from './runtime.ts';

const float = { T: 'float' } as const;
const byType: Partial<Record<NativeType, Attributes>> = {
  float,
  half: { T: 'half' },
  int8: { T: 'int8' },
  int32: { T: 'int32' },
};
const reduction = { T: 'float', Tidx: 'int32', keep_dims: true } as const;
const shapes: Partial<Record<NativeType, Attributes>> = Object.fromEntries(
  (['float', 'half', 'int8', 'int32'] as const).map((T) => [T, { T, Tshape: 'int32' }]),
);
const permutation: Partial<Record<NativeType, Attributes>> = Object.fromEntries(
  (['float', 'half'] as const).map((T) => [T, { T, Tperm: 'int32' }]),
);
const product2 = [false, true].map((a) =>
  [false, true].map((b) => ({ T: 'float', transpose_a: a, transpose_b: b }) as const),
);
const product3 = [false, true].map((a) => [false, true].map((b) => ({ T: 'float', adj_x: a, adj_y: b }) as const));
const slices = { T: 'float', Index: 'int32' } as const;
const gathers = { Tparams: 'float', Tindices: 'int32', Taxis: 'int32', batch_dims: 0 } as const;
const pads = { T: 'float', Tpaddings: 'int32' } as const;
const toFloat: Partial<Record<NativeType, Attributes>> = Object.fromEntries(
  (['half', 'int8', 'int32'] as const).map((SrcT) => [SrcT, { SrcT, DstT: 'float', Truncate: false }]),
);
const toHalf = { SrcT: 'float', DstT: 'half', Truncate: false } as const;
const bits: Partial<Record<NativeType, Attributes>> = Object.fromEntries(
  (['half', 'int8'] as const).map((type) => [type, { T: 'float', type }]),
);
const halfBits = { T: 'half', type: 'float' } as const;
const segments = { T: 'float', Tindices: 'int32' } as const;
const fills = { T: 'float', index_type: 'int32' } as const;
const rolls = { T: 'float', Tshift: 'int32', Taxis: 'int32' } as const;

const headProducts = { equation: { text: 'hqc,dhc->qd' }, N: 2, T: 'float' } as const;

const concats = new Map<number, Attributes>();

export type UnaryName = 'Exp' | 'Log' | 'Sqrt' | 'Sigmoid' | 'Softmax' | 'Square';
export type BinaryName = 'AddV2' | 'Sub' | 'Mul' | 'RealDiv' | 'DivNoNan' | 'Maximum' | 'SoftplusGrad';
export type ReductionName = 'Sum' | 'Max' | 'EuclideanNorm';

/** Whether a permutation only moves axes of length 1, in which case TensorFlow does not copy. */
function keepsOrder(shape: readonly number[], axes: readonly number[]): boolean {
  const moving = axes.filter((axis) => shape[axis] !== 1);
  return moving.every((axis, place) => place === 0 || axis > (moving[place - 1] as number));
}

export class TensorOperations {
  readonly runtime: Runtime;

  constructor(runtime: Runtime) {
    this.runtime = runtime;
  }

  unary(name: UnaryName, input: Handle): Handle {
    return this.runtime.run(name, [input], float);
  }

  binary(name: BinaryName, a: Handle, b: Handle): Handle {
    return this.runtime.run(name, [a, b], float);
  }

  /** factor · input; the input itself when the factor is 1. */
  scale(input: Handle, factor: number): Handle {
    return factor === 1 ? input : this.binary('Mul', input, this.runtime.scalar(factor));
  }

  /** Reduces `axis` to length 1. Over an axis of length 1 the result may be the input's memory. */
  reduce(name: ReductionName, input: Handle, axis: number): Handle {
    return this.runtime.run(
      name,
      [input, this.runtime.integers([axis])],
      reduction,
      input.shape[axis] === 1 ? 'unknown' : 'own',
    );
  }

  /** The same memory in another shape; the input itself where it has that shape. */
  reshape(input: Handle, shape: readonly number[]): Handle {
    if (input.shape.length === shape.length && shape.every((size, axis) => size === input.shape[axis])) return input;
    return this.runtime.look('Reshape', [input, this.runtime.integers(shape)], shapes[input.type] as Attributes);
  }

  /** A copy in memory of its own. */
  copy(input: Handle): Handle {
    return this.runtime.run('DeepCopy', [input], byType[input.type]);
  }

  /** [rows of a, columns of b]. */
  matmul(a: Handle, b: Handle, transposeA: boolean, transposeB: boolean): Handle {
    return this.runtime.run('MatMul', [a, b], product2[Number(transposeA)]?.[Number(transposeB)]);
  }

  /** Products of matrices in the last two axes; the axes before them broadcast. */
  batchMatmul(a: Handle, b: Handle, transposeA: boolean, transposeB: boolean): Handle {
    return this.runtime.run('BatchMatMulV2', [a, b], product3[Number(transposeA)]?.[Number(transposeB)]);
  }

  /** A row in heads, [H, 1, C], times a matrix [columns, H, C]: [1, columns]. */
  headProduct(row: Handle, matrix: Handle): Handle {
    return this.runtime.run('Einsum', [row, matrix], headProducts);
  }

  transpose(input: Handle, axes: readonly number[]): Handle {
    const inputs = [input, this.runtime.integers(axes)];
    const attributes = permutation[input.type] as Attributes;
    if (keepsOrder(input.shape, axes)) return this.runtime.look('Transpose', inputs, attributes);
    return this.runtime.run('Transpose', inputs, attributes);
  }

  /**
   * A part of a float tensor. TensorFlow may hand out the input's own memory (a part of the first axis that is aligned),
   * so the result is only to be read, before the input is written to.
   */
  slice(input: Handle, begin: readonly number[], size: readonly number[]): Handle {
    const rest = begin.slice(1).every((start, axis) => start === 0 && size[axis + 1] === input.shape[axis + 1]);
    const inner = elementsOf(input.shape.slice(1));
    const aligned = rest && ((begin[0] as number) * inner) % 16 === 0 && ((size[0] as number) * inner) % 16 === 0;
    const { runtime } = this;
    return runtime.run(
      'Slice',
      [input, runtime.integers(begin), runtime.integers(size)],
      slices,
      aligned ? 'shared' : 'unknown',
    );
  }

  /** Rows `indices` (int32 [n]) along `axis`. */
  gather(input: Handle, indices: Handle, axis = 0): Handle {
    return this.runtime.run('GatherV2', [input, indices, this.runtime.integer(axis)], gathers);
  }

  /** `value` added before and behind: [before, behind] per axis, of which one is not 0. */
  pad(input: Handle, paddings: readonly (readonly [number, number])[], value: number): Handle {
    const { runtime } = this;
    const table = runtime.integers(paddings.flat(), [paddings.length, 2]);
    return runtime.run('PadV2', [input, table, runtime.scalar(value)], pads);
  }

  concat(parts: readonly Handle[], axis: number): Handle {
    const [only] = parts;
    if (parts.length === 1 && only !== undefined) return only;
    let attributes = concats.get(parts.length);
    if (attributes === undefined) {
      attributes = { N: parts.length, T: 'float', Tidx: 'int32' };
      concats.set(parts.length, attributes);
    }
    return this.runtime.run('ConcatV2', [...parts, this.runtime.integer(axis)], attributes);
  }

  /** Number to float: half, int8 or int32. */
  toFloat(input: Handle): Handle {
    return this.runtime.run('Cast', [input], toFloat[input.type]);
  }

  /** Float rounded to half, to nearest even. */
  toHalf(input: Handle): Handle {
    return this.runtime.run('Cast', [input], toHalf);
  }

  /** Words [.., n] seen as smaller numbers [.., n, 2 or 4]. */
  bitsAs(input: Handle, type: 'half' | 'int8'): Handle {
    return this.runtime.look('Bitcast', [input], bits[type] as Attributes);
  }

  /** Halves [.., n, 2] seen as words [.., n]. */
  wordsOf(input: Handle): Handle {
    return this.runtime.look('Bitcast', [input], halfBits);
  }

  fill(shape: readonly number[], value: number): Handle {
    const { runtime } = this;
    return runtime.run('Fill', [runtime.integers(shape), runtime.scalar(value)], fills);
  }

  /** The last axis rotated by `shift`. */
  roll(input: Handle, shift: number): Handle {
    const { runtime } = this;
    return runtime.run('Roll', [input, runtime.integers([shift]), runtime.integers([input.shape.length - 1])], rolls);
  }

  /** Sums of consecutive rows whose `ids` (int32 [n], ascending) are equal. */
  segmentSum(input: Handle, ids: Handle): Handle {
    return this.runtime.run('SegmentSum', [input, ids], segments);
  }

  /**
   * Writes, adds or subtracts rows in the memory of `target` itself, at `rows` (int32 [n]) of its first axis. TensorFlow's
   * one family of operations that changes a tensor: the result is that tensor, so it is dropped here.
   */
  inPlace(name: 'InplaceUpdate' | 'InplaceAdd' | 'InplaceSub', target: Handle, rows: Handle, values: Handle): void {
    const { runtime } = this;
    runtime.discard(runtime.run(name, [target, rows, values], float, 'shared'));
  }
}
