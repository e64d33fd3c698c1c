/** One attention problem: a view, peaked queries, what the reference makes of them; and its comparison with a backend. */

import {
  type AttentionState,
  type ContextView,
  EagerOperations,
  IndexTensor,
  type RopeAngles,
  Tensor,
} from '@inattention/core';
import { alibiSlopes, createRopeAngles } from '@inattention/core/math';
import { randomNumbers } from '../../inputs/random-numbers.ts';
import {
  type AttentionInputs,
  type AttentionResult,
  attentionForward,
  lowestFloat32,
} from '../../reference/attention.ts';
import { expectSame } from '../assertions.ts';
import type { Trial } from '../conformance-group.ts';
import { DeviceArrays } from '../device-arrays.ts';
import { type DescribedView, placeView } from './described-view.ts';
import { peakedAttention } from './peaked-queries.ts';

export interface Problem {
  readonly view: DescribedView;
  /** H: a multiple of the view's key heads. */
  readonly heads: number;
  /** In the numbering of `firstPosition`. */
  readonly positions: readonly number[];
  /** Penalise distance, ALiBi's way. */
  readonly sloped?: boolean;
}

/** What a test of attention works with: everything on the device, and the reference's inputs. */
export interface AttentionBench {
  readonly operations: EagerOperations;
  readonly queries: Tensor;
  readonly positions: IndexTensor;
  readonly context: ContextView;
  readonly options: { readonly scale: number; readonly slopes: Tensor | null };
  readonly inputs: AttentionInputs;
}

/** Peaked inputs of a problem for the reference. */
export function attentionInputs({ view, heads, positions, sloped = false }: Problem): AttentionInputs {
  const { firstPosition = 0 } = view.options;
  const slopes = sloped ? alibiSlopes(heads).map(Math.fround) : null;
  const attended = { keys: view.keys, values: view.values, positions, firstPosition, slopes };
  return peakedAttention(attended, heads, randomNumbers(121));
}

/** Uploads a problem and runs `body`; frees everything afterwards. */
export async function withAttention(
  { backend }: Trial,
  problem: Problem,
  fused: boolean,
  body: (bench: AttentionBench) => Promise<void>,
  leadingWords = 0,
): Promise<void> {
  const inputs = attentionInputs(problem);
  const { queries, slopes } = inputs;
  const { headDim, ropeTheta } = problem.view.options;
  const operations = new EagerOperations(backend, { fused });
  using arrays = new DeviceArrays(backend, leadingWords);
  const upload = (data: ArrayLike<number>, shape: readonly number[]) =>
    Tensor.from(backend, Float32Array.from(data), shape, 'scratch');
  using queryTensor = upload(queries.data, queries.shape);
  using positions = new IndexTensor(backend, problem.positions);
  const slopeTensor = slopes === null || slopes === undefined ? null : upload(slopes, [slopes.length]);
  const angles = ropeTheta === undefined ? null : createRopeAngles(backend, headDim, ropeTheta);
  try {
    await body({
      operations,
      queries: queryTensor,
      positions,
      context: placeView(arrays, problem.view, angles satisfies RopeAngles | null),
      options: { scale: 1 / Math.sqrt(headDim), slopes: slopeTensor },
      inputs,
    });
  } finally {
    slopeTensor?.dispose();
    angles?.dispose();
  }
}

/** Reads a state, frees it, and compares it with the reference's. */
export async function expectState(
  trial: Trial,
  state: AttentionState,
  expected: AttentionResult,
  problem: Problem,
  what: string,
) {
  const { out, max, sum } = state;
  try {
    const parts = { out: await out.readFloat32(), max: await max.readFloat32(), sum: await sum.readFloat32() };
    compareStates(trial, parts, expected, problem.view.options.dtype ?? 'f32', what);
  } finally {
    for (const tensor of [out, max, sum]) tensor.dispose();
  }
}

interface StateNumbers {
  readonly out: ArrayLike<number>;
  readonly max: ArrayLike<number>;
  readonly sum: ArrayLike<number>;
}

/** Where a query sees nothing the state is exact: 0, the lowest f32, 0. Elsewhere each part is within tolerance. */
export function compareStates(
  { expectClose }: Trial,
  got: StateNumbers,
  expected: AttentionResult,
  dtype: 'f32' | 'f16',
  what: string,
): void {
  const seen = [...expected.sum.data].map((sum) => sum > 0);
  const among = (numbers: ArrayLike<number>, wanted: boolean) =>
    Array.from(numbers).filter((_, i) => seen[i] === wanted);
  const headDim = expected.out.data.length / seen.length;
  const unseen = Array.from(got.out).filter((_, i) => !seen[Math.floor(i / headDim)]);
  expectSame(
    unseen.map(Math.abs),
    unseen.map(() => 0),
    `${what}: output of queries that see nothing`,
  );
  const nothing = among(got.max, false);
  expectSame(
    nothing,
    nothing.map(() => lowestFloat32),
    `${what}: maximum of queries that see nothing`,
  );
  expectSame(
    among(got.sum, false).map(Math.abs),
    nothing.map(() => 0),
    `${what}: sum of queries that see nothing`,
  );
  const shared = { operation: 'attend', dtype } as const;
  expectClose(got.out, expected.out.data, { ...shared, what });
  expectClose(among(got.max, true), among(expected.max.data, true), { ...shared, what: `maxima, ${what}` });
  expectClose(among(got.sum, true), among(expected.sum.data, true), { ...shared, what: `sums, ${what}` });
}

/** Runs `attend` over the whole view and compares with the reference. */
export async function checkAttend(trial: Trial, problem: Problem, fused: boolean, what: string, leadingWords = 0) {
  await withAttention(
    trial,
    problem,
    fused,
    async ({ operations, queries, positions, context, options, inputs }) => {
      const state = operations.attend(queries, positions, context, options);
      await expectState(trial, state, attentionForward(inputs), problem, what);
    },
    leadingWords,
  );
}
