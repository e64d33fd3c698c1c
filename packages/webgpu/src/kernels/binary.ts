/**
 * add, subtract, multiply, divide: out[i] = a[i] ∘ b[floor(i / stride) % length], f32 [n]; out may be a or b.
 *
 * Geometry: one element, or one vector of four where views and lengths allow, per invocation, in a 1-D grid. How b is
 * read is a variant: as a is (equal shapes); a row over again; one number per run of `stride` elements. Roofline:
 * memory-bound, 12 bytes per FLOP; b's repetitions come from cache.
 */

import { type BinaryArguments, sizeOf, type TensorView } from '@inattention/core';
import { defineKernel, kernelFamily } from '../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../execution/kernel-runner.ts';
import { elementsPerPiece, sliceOf } from './pieces.ts';

export type BinaryKind = 'add' | 'subtract' | 'multiply' | 'divide';

/** How b is read: element for element, a row again and again, or a number per run. */
type Reading = 'same' | 'row' | 'run';

const size = 64;

const operators: Readonly<Record<BinaryKind, string>> = { add: '+', subtract: '-', multiply: '*', divide: '/' };

const binaryKernel = kernelFamily((kind: BinaryKind, reading: Reading, vector: boolean) => {
  const type = vector ? 'vec4<f32>' : 'f32';
  // `first`: where the piece begins within the period of b. In units of a's elements of this variant, as are length
  // (row) and stride (run).
  const place: Readonly<Record<Reading, string>> = {
    same: 'index',
    row: '(params.first + index) % params.length',
    run: '((params.first + index) / params.stride) % params.length',
  };
  return defineKernel({
    name: kind,
    variant: `${reading} ${type}`,
    params: { count: 'u32', first: 'u32', length: 'u32', stride: 'u32' },
    bindings: {
      a: { access: 'read', element: type },
      b: { access: 'read', element: reading === 'run' ? 'f32' : type },
      out: { access: 'write', element: type },
    },
    workgroupSize: [size, 1, 1],
    main: ({ a, b, out }) => `
  if (index >= params.count) { return; }
  let y = ${b}[params.b_at + ${place[reading]}];
  ${out}[params.out_at + index] = ${a}[params.a_at + index] ${operators[kind]} ${type}(y);`,
  });
});

export function binary(runner: KernelRunner, kind: BinaryKind, args: BinaryArguments): void {
  for (const { start, a, b, out, length, stride } of parts(runner, args)) {
    const total = sizeOf(out.shape);
    const reading: Reading = stride > 1 ? 'run' : start === 0 && length >= total ? 'same' : 'row';
    const whole = reading === 'run' ? stride % 4 === 0 : reading === 'same' || length % 4 === 0;
    const vector =
      whole &&
      (total | start) % 4 === 0 &&
      [a, out, ...(reading === 'run' ? [] : [b])].every((view) => runner.aligned(view));
    const unit = vector ? 4 : 1;
    runner.run(binaryKernel(kind, reading, vector), {
      bindings: { a, b, out },
      params: {
        count: total / unit,
        first: start / unit,
        length: reading === 'row' ? length / unit : length,
        stride: reading === 'run' ? stride / unit : 1,
      },
      workgroups: gridOf(total / unit, size),
      flops: total,
    });
  }
}

interface Part {
  /** Element of b's period (stride · length) that the part begins with. */
  readonly start: number;
  readonly a: TensorView;
  readonly b: TensorView;
  readonly out: TensorView;
  readonly length: number;
  readonly stride: number;
}

/** Cuts the elements into parts that fit bindings; where b does not fit one, each part reads a slice of it. */
function parts(runner: KernelRunner, { a, b, broadcast, out }: BinaryArguments): Part[] {
  const total = sizeOf(out.shape);
  const { length } = broadcast;
  // A scalar is one number per run of any length; this one suits vectors.
  const stride = length === 1 ? 4 : broadcast.stride;
  const step = elementsPerPiece(runner, 4);
  const period = length * stride;
  const repeats = runner.fits(b) && length <= step;
  if (repeats && total <= step) return [{ start: 0, a, b, out, length, stride }];
  const result: Part[] = [];
  for (let from = 0; from < total; ) {
    const start = from % period;
    const count = Math.min(step, total - from, repeats ? total : period - start);
    const cut = { a: sliceOf(a, from, count), out: sliceOf(out, from, count), stride };
    if (repeats) {
      result.push({ ...cut, start, b, length });
    } else {
      const first = Math.floor(start / stride);
      const numbers = Math.floor((start + count - 1) / stride) - first + 1;
      result.push({ ...cut, start: start % stride, b: sliceOf(b, first, numbers), length: numbers });
    }
    from += count;
  }
  return result;
}
