/** Our kernels of the workloads that peers have too, through the public contract of any backend. */

import { type Backend, type ContextView, type FusedOperations, Tensor, UnsupportedError } from '@inattention/core';
import type { Contestant } from './contestant.ts';

/** out = a · b, or a · bᵀ. Row-major f32. */
export interface Product {
  readonly rows: number;
  readonly inner: number;
  readonly columns: number;
  /** [rows, inner] */
  readonly a: Float32Array;
  /** [inner, columns]; [columns, inner] when `transposeB`. */
  readonly b: Float32Array;
  readonly transposeB: boolean;
}

/** The product by `primitives.matmul`, with operands already where the backend keeps them. Work: arithmetic, in FLOP. */
export function ownProduct(backend: Backend, product: Product): Contestant {
  const { rows, inner, columns, transposeB } = product;
  const a = Tensor.from(backend, product.a, [rows, inner], 'activations');
  const shapeOfB = transposeB ? [columns, inner] : [inner, columns];
  const b = Tensor.from(backend, product.b, shapeOfB, 'weights');
  const out = Tensor.allocate(backend, [rows, columns], 'f32', 'activations');
  const run = (): void => {
    const strides = { batch: 1, strideA: rows * inner, strideB: inner * columns };
    const flags = { transposeA: false, transposeB, scale: 1, accumulate: false };
    backend.primitives.matmul({ a, b, out, rows, inner, columns, ...strides, ...flags });
  };
  const facts = { name: 'inattention', work: 2 * rows * inner * columns, unit: 'flop/s' } as const;
  return ownContestant(backend, { ...facts, tensors: [a, b], out, run });
}

/** One query [1, H, C] at the last position of a context. */
export interface Query {
  readonly heads: number;
  /** [H, C] */
  readonly queries: Float32Array;
  readonly scale: number;
  /** [H], or null for no distance penalty. */
  readonly slopes: Float32Array | null;
}

/** Attention of one query over the whole of `view`, which stays the caller's. */
export function ownAttention(
  backend: Backend,
  view: ContextView,
  query: Query,
  facts: Pick<Contestant, 'name' | 'work' | 'unit'>,
): Contestant {
  const attend = attendOf(backend);
  const { heads, scale } = query;
  const queries = Tensor.from(backend, query.queries, [1, heads, view.headDim], 'activations');
  const positions = Tensor.from(backend, Int32Array.of(view.length - 1), [1], 'activations');
  const slopes = query.slopes === null ? null : Tensor.from(backend, query.slopes, [heads], 'weights');
  const out = Tensor.allocate(backend, [1, heads, view.headDim], 'f32', 'activations');
  const [max, sum] = [0, 1].map(() => Tensor.allocate(backend, [1, heads], 'f32', 'activations')) as [Tensor, Tensor];
  const run = (): void => {
    const range = { from: 0, to: view.length, accumulate: false };
    attend({ queries, positions, context: view, slopes, scale, out, max, sum, ...range });
  };
  const tensors = [queries, positions, max, sum, ...(slopes === null ? [] : [slopes])];
  return ownContestant(backend, { ...facts, tensors, out, run });
}

/** Throws UnsupportedError where the backend composes attention from primitives: there is no kernel to time. */
function attendOf({ name, fused }: Backend): FusedOperations['attend'] {
  if (fused.attend === undefined) {
    throw new UnsupportedError({
      what: `The ${name} backend has no attention kernel of its own.`,
      fix: 'measure it with the sweep: inattention bench',
    });
  }
  return fused.attend;
}

function ownContestant(
  backend: Backend,
  parts: Pick<Contestant, 'name' | 'work' | 'unit'> & {
    readonly tensors: readonly Tensor[];
    readonly out: Tensor;
    run(): void;
  },
): Contestant {
  const { tensors, out, run, ...facts } = parts;
  return {
    kind: 'ours',
    ...facts,
    run() {
      run();
      return backend.sync();
    },
    async result() {
      return new Float32Array(await backend.read(out.buffer, out.byteOffset, 4 * out.shape.reduce((a, b) => a * b, 1)));
    },
    dispose() {
      for (const tensor of [...tensors, out]) tensor.dispose();
    },
  };
}
