/** The host backend's arithmetic: fill, cast, elementwise operations, reductions, matmul. Plain loops, checked. */

import type {
  BinaryArguments,
  MatmulArguments,
  Primitives,
  ReduceArguments,
  UnaryArguments,
} from '../backend/primitives.ts';
import type { TensorView } from '../backend/tensor-view.ts';
import { DTypeError, InvalidArgumentError } from '../errors/errors.ts';
import { isBlockDType } from '../tensor/dtype.ts';
import { encodeFloat16 } from '../tensor/half.ts';
import { formatShape, sizeOf } from '../tensor/shape.ts';
import type { HostMemory } from './host-memory.ts';

type Arithmetic = Omit<Primitives, 'gatherRows' | 'scatterAddRows' | 'permute' | 'copyBlock'>;

export function hostArithmetic(memory: HostMemory): Arithmetic {
  return {
    fill: ({ out, value }) => fill(memory, out, value),
    cast: (args) => cast(memory, args),
    add: binary(memory, 'add', (a, b) => a + b),
    subtract: binary(memory, 'subtract', (a, b) => a - b),
    multiply: binary(memory, 'multiply', (a, b) => a * b),
    divide: binary(memory, 'divide', (a, b) => a / b),
    affine({ input, scale, offset, out }) {
      unary(memory, 'affine', (x) => scale * x + offset)({ input, out });
    },
    exp: unary(memory, 'exp', Math.exp),
    log: unary(memory, 'log', Math.log),
    sqrt: unary(memory, 'sqrt', Math.sqrt),
    sigmoid: unary(memory, 'sigmoid', (x) => (x < 0 ? Math.exp(x) / (1 + Math.exp(x)) : 1 / (1 + Math.exp(-x)))),
    sum: reduction(memory, 'sum', 0, (total, x) => total + x),
    max: reduction(memory, 'max', Number.NEGATIVE_INFINITY, Math.max),
    matmul: (args) => matmul(memory, args),
  };
}

function fill(memory: HostMemory, out: TensorView, value: number): void {
  if (out.dtype === 'f16') throw new DTypeError({ what: 'fill does not take f16.', got: 'f16' });
  if (out.dtype === 'f32') memory.floats(out, 'fill').fill(value);
  else memory.words(out, 'fill').fill(value);
}

function cast(memory: HostMemory, { input, out }: UnaryArguments): void {
  const size = sizeOf(out.shape);
  memory.expectApart('cast', out, [input], input.dtype === out.dtype);
  if (input.dtype === out.dtype) memory.words(out, 'cast').set(memory.words(input, 'cast', size));
  else if (input.dtype === 'f32' && out.dtype === 'f16') {
    const halves = memory.words(out, 'cast');
    halves.set(encodeFloat16(memory.floats(input, 'cast', size)));
  } else if (input.dtype === 'f16' && out.dtype === 'f32') {
    memory.floats(out, 'cast').set(memory.numbers(input, 'cast', size));
  } else if (input.dtype === 'i32' && out.dtype === 'f32') {
    memory.floats(out, 'cast').set(memory.integers(input, 'cast', size));
  } else {
    throw new DTypeError({ what: 'cast has no such conversion.', got: `${input.dtype} to ${out.dtype}` });
  }
}

function binary(memory: HostMemory, name: string, compute: (a: number, b: number) => number) {
  return ({ a, b, broadcast: { length, stride }, out }: BinaryArguments): void => {
    const result = memory.floats(out, `${name}: the result`);
    const left = memory.floats(a, `${name}: a`, result.length);
    const right = memory.floats(b, `${name}: b`, length);
    memory.expectApart(name, out, [a, b], true);
    for (let i = 0; i < result.length; i += 1) {
      result[i] = compute(left[i] as number, right[Math.floor(i / stride) % length] as number);
    }
  };
}

function unary(memory: HostMemory, name: string, compute: (x: number) => number) {
  return ({ input, out }: UnaryArguments): void => {
    const result = memory.floats(out, `${name}: the result`);
    const source = memory.floats(input, name, result.length);
    memory.expectApart(name, out, [input], true);
    for (let i = 0; i < result.length; i += 1) result[i] = compute(source[i] as number);
  };
}

function reduction(memory: HostMemory, name: string, initial: number, join: (total: number, x: number) => number) {
  return ({ input, outer, axis, inner, out }: ReduceArguments): void => {
    const source = memory.floats(input, name, outer * axis * inner); // [outer, axis, inner]
    const result = memory.floats(out, `${name}: the result`, outer * inner);
    memory.expectApart(name, out, [input]);
    for (let o = 0; o < outer; o += 1) {
      for (let i = 0; i < inner; i += 1) {
        let total = initial;
        for (let k = 0; k < axis; k += 1) total = join(total, source[(o * axis + k) * inner + i] as number);
        result[o * inner + i] = total;
      }
    }
  };
}

function matmul(memory: HostMemory, args: MatmulArguments): void {
  const { a, b, out, batch, rows, columns, inner, transposeA, transposeB, strideA, strideB, scale, accumulate } = args;
  const encoded = isBlockDType(b.dtype);
  if ((b.dtype === 'i8' || encoded) && (!transposeB || (transposeA && encoded) || b.shape.at(-1) !== inner)) {
    throw new InvalidArgumentError({
      what: `matmul: blocks of ${b.dtype} weights run along the inner axis.`,
      got: `${formatShape(b.shape)}, ${transposeB ? '' : 'not '}transposed, ${inner} inner`,
    });
  }
  const left = memory.floats(a, 'matmul: a', operandSize(rows * inner, strideA, batch));
  const right = memory.numbers(b, 'matmul: b', operandSize(inner * columns, strideB, batch));
  const result = memory.floats(out, 'matmul: the result', batch * rows * columns);
  memory.expectApart('matmul', out, [a, b]);
  for (let n = 0; n < batch; n += 1) {
    for (let r = 0; r < rows; r += 1) {
      for (let c = 0; c < columns; c += 1) {
        let total = 0;
        for (let k = 0; k < inner; k += 1) {
          const x = left[n * strideA + (transposeA ? k * rows + r : r * inner + k)] as number;
          const y = right[n * strideB + (transposeB ? c * inner + k : k * columns + c)] as number;
          total += x * y;
        }
        const at = (n * rows + r) * columns + c;
        result[at] = scale * total + (accumulate ? (result[at] as number) : 0);
      }
    }
  }
}

/** Elements of an operand of `batch` matrices a stride apart. */
function operandSize(matrix: number, stride: number, batch: number): number {
  if (stride !== 0 && stride !== matrix) {
    throw new InvalidArgumentError({ what: 'matmul: a stride is neither 0 nor one matrix.', got: String(stride) });
  }
  return stride === 0 ? matrix : matrix * batch;
}
