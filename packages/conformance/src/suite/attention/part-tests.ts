/** Attention in parts: ranges of entries, folded one into the next or merged afterwards, are attention over the whole. */

import type { AttentionState } from '@inattention/core';
import { randomNumbers } from '../../inputs/random-numbers.ts';
import { type AttentionInputs, type AttentionResult, attentionForward } from '../../reference/attention.ts';
import { mergeAttention } from '../../reference/merge-attention.ts';
import { ndArray } from '../../reference/nd-array.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { DeviceArrays } from '../device-arrays.ts';
import { variantsOf } from '../evaluate.ts';
import { type AttentionBench, compareStates, expectState, type Problem, withAttention } from './attention-trial.ts';
import { describeView } from './described-view.ts';

export function partTests(group: Group): void {
  for (const { name, fused } of variantsOf(group.fused.has('attend'))) {
    group.describe(`parts, ${name}`, () => {
      group.test('a range of entries', (trial) => ranges(trial, fused));
      group.test('folding parts into a state gives the whole, wherever it is cut', (trial) => folded(trial, fused));
      group.test('merging parts gives the whole, in any order', (trial) => merged(trial, fused));
    });
  }
  group.test('mergeAttention: parts far apart, and parts that see nothing', (trial) => farApart(trial));
  if (group.fused.has('attend')) {
    group.test('attend: accumulate at any offset, nothing written beyond', (trial) => accumulated(trial));
  }
}

/** A cache and a table, both over a page and blocks; the last query sees no entry before 300. */
const problems: readonly Problem[] = [
  {
    view: describeView({ length: 530, kvHeads: 2, headDim: 8, firstPosition: 20 }),
    heads: 4,
    positions: [549, 20, 300, 275, 276, 0],
  },
  {
    view: describeView({ length: 530, kvHeads: 2, headDim: 6, window: 3, slots: 100, scaled: true, ropeTheta: 1e4 }),
    heads: 6,
    positions: [529, 0, 255, 256, 529],
    sloped: true,
  },
];

/** Where the entries are cut: at one, at a block, at a page, around them, and twice at the same place. */
const cuttings: readonly (readonly number[])[] = [
  [0, 1, 530],
  [0, 64, 128, 530],
  [0, 256, 512, 530],
  [0, 255, 257, 530],
  [0, 529, 530],
  [0, 100, 100, 101, 333, 530],
];

/** Attention over entries [from, to) alone. */
function rangeOf(inputs: AttentionInputs, from: number, to: number): AttentionInputs {
  const part = (array: AttentionInputs['keys']) => {
    const [, kvHeads, headDim] = array.shape;
    const size = kvHeads * headDim;
    return ndArray([to - from, kvHeads, headDim], array.data.subarray(from * size, to * size));
  };
  const firstPosition = (inputs.firstPosition ?? 0) + from;
  return { ...inputs, keys: part(inputs.keys), values: part(inputs.values), firstPosition };
}

async function ranges(trial: Trial, fused: boolean): Promise<void> {
  for (const problem of problems) {
    await withAttention(trial, problem, fused, async ({ operations, queries, positions, context, options, inputs }) => {
      for (const [from, to] of [
        [0, 530],
        [3, 4],
        [63, 65],
        [64, 128],
        [200, 530],
        [256, 512],
        [9, 9],
      ] as const) {
        const state = operations.attend(queries, positions, context, { ...options, from, to });
        await expectState(trial, state, attentionForward(rangeOf(inputs, from, to)), problem, `${from} … ${to}`);
      }
    });
  }
}

/** The states of the parts between neighbouring cuts. */
function partsOf(bench: AttentionBench, cuts: readonly number[]): AttentionState[] {
  const { operations, queries, positions, context, options } = bench;
  return cuts
    .slice(1)
    .map((to, part) => operations.attend(queries, positions, context, { ...options, from: cuts[part], to }));
}

async function folded(trial: Trial, fused: boolean): Promise<void> {
  for (const problem of problems) {
    await withAttention(trial, problem, fused, async ({ operations, queries, positions, context, options, inputs }) => {
      for (const cuts of cuttings) {
        const [first, ...later] = cuts.slice(1);
        const into = operations.attend(queries, positions, context, { ...options, from: 0, to: first });
        later.forEach((to, part) => {
          operations.attend(queries, positions, context, { ...options, from: cuts[part + 1], to, into });
        });
        await expectState(trial, into, attentionForward(inputs), problem, `folded at ${cuts.join(', ')}`);
      }
    });
  }
}

async function merged(trial: Trial, fused: boolean): Promise<void> {
  for (const problem of problems) {
    await withAttention(trial, problem, fused, async (bench) => {
      for (const cuts of cuttings) {
        const parts = partsOf(bench, cuts);
        for (const order of [parts, parts.toReversed()]) {
          const state = bench.operations.mergeAttention(order);
          await expectState(trial, state, attentionForward(bench.inputs), problem, `merged at ${cuts.join(', ')}`);
        }
        for (const { out, max, sum } of parts) for (const tensor of [out, max, sum]) tensor.dispose();
      }
    });
  }
}

/** Maxima 1,000 apart, equal, and of parts that see nothing: what weighs nothing must not become NaN. */
async function farApart(trial: Trial): Promise<void> {
  const random = randomNumbers(131);
  const maxima = [
    [-500, 500, 0, 7, -3.4028234663852886e38, -3.4028234663852886e38],
    [500, -500, 0, -3.4028234663852886e38, 2, -3.4028234663852886e38],
  ];
  const parts = maxima.map((max): AttentionResult => {
    const seen = max.map((value) => (value < -1e38 ? 0 : 1));
    const out = random.normals(18).map((x, i) => x * (seen[Math.floor(i / 3)] as number));
    const sum = seen.map((one) => one * Math.fround(1 + random.uniform()));
    return { out: ndArray([3, 2, 3], out), max: ndArray([3, 2], max), sum: ndArray([3, 2], sum) };
  });
  const problem: Problem = {
    view: describeView({ length: 1, kvHeads: 2, headDim: 3 }),
    heads: 2,
    positions: [0, 0, 0],
  };
  await withAttention(trial, problem, true, async ({ operations }) => {
    const upload = ({ shape, data }: AttentionResult['out']) => operations.upload(Float32Array.from(data), shape);
    const states = parts.map(({ out, max, sum }) => ({ out: upload(out), max: upload(max), sum: upload(sum) }));
    await expectState(trial, operations.mergeAttention(states), mergeAttention(parts), problem, 'parts far apart');
    for (const { out, max, sum } of states) for (const tensor of [out, max, sum]) tensor.dispose();
  });
}

async function accumulated(trial: Trial): Promise<void> {
  const { backend } = trial;
  for (const problem of problems) {
    for (const leadingWords of [0, 5]) {
      const body = async ({ queries, positions, context, options, inputs }: AttentionBench) => {
        using arrays = new DeviceArrays(backend, leadingWords);
        const [count, heads, headDim] = queries.shape;
        const state = {
          out: arrays.floats([count, heads, headDim]),
          max: arrays.floats([count, heads]),
          sum: arrays.floats([count, heads]),
        };
        const shared = { queries, positions: positions.tensor, context, ...options, ...state };
        backend.fused.attend?.({ ...shared, from: 0, to: 300, accumulate: false });
        backend.fused.attend?.({ ...shared, from: 300, to: 530, accumulate: true });
        const [out, max, sum] = await Promise.all([state.out, state.max, state.sum].map((view) => arrays.read(view)));
        compareStates(trial, { out, max, sum }, attentionForward(inputs), 'f32', 'accumulated');
      };
      await withAttention(trial, problem, true, body, leadingWords);
    }
  }
}
