/** attendWeights: the weights of one query sum to 1, match the reference entry by entry, and are 0 where it sees nothing. */

import { IndexTensor, type Tensor } from '@inattention/core';
import { attentionWeights } from '../../reference/attention.ts';
import { expectSame, expectThat } from '../assertions.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { variantsOf } from '../evaluate.ts';
import { type AttentionBench, type Problem, withAttention } from './attention-trial.ts';
import { describeView, type ViewOptions } from './described-view.ts';

const shape = { kvHeads: 2, headDim: 8 };

const views: Readonly<Record<string, ViewOptions>> = {
  'a cache': { ...shape, length: 600, firstPosition: 40 },
  'a table': { ...shape, length: 600, window: 3, slots: 90, scaled: true, ropeTheta: 10_000 },
  'position rows': { ...shape, length: 300, window: 2, slots: 90, scaled: true, positionRows: true },
  'one entry': { ...shape, length: 1 },
  '64 entries': { ...shape, length: 64 },
  '65 entries': { ...shape, length: 65 },
  '256 entries': { ...shape, length: 256 },
  '257 entries': { ...shape, length: 257 },
};

export function weightTests(group: Group): void {
  const dtypes = group.capabilities.contextDTypes.filter((dtype) => dtype === 'f32' || dtype === 'f16');
  for (const { name, fused } of variantsOf(group.fused.has('attendWeights'))) {
    group.describe(`attendWeights, ${name}`, () => {
      for (const [what, view] of Object.entries(views)) {
        for (const dtype of dtypes) {
          group.test(`${what}, ${dtype}`, (trial) => checkWeights(trial, { ...view, dtype }, fused));
        }
      }
    });
  }
}

async function checkWeights(trial: Trial, options: ViewOptions, fused: boolean): Promise<void> {
  const { length, firstPosition = 0 } = options;
  const view = describeView(options);
  for (const sloped of [false, true]) {
    const positions = [length - 1, 0, length >> 1].map((place) => firstPosition + place);
    const problem = { view, heads: 6, positions, sloped };
    await withAttention(trial, problem, fused, async (bench) => {
      for (const row of positions.keys()) await checkRow(trial, problem, bench, row);
    });
  }
}

/** The weights of one of the problem's queries, whole and in parts. */
async function checkRow({ backend, expectClose }: Trial, problem: Problem, bench: AttentionBench, row: number) {
  const { operations, queries, context, options, inputs } = bench;
  const { length, firstPosition = 0, dtype = 'f32' } = problem.view.options;
  const place = problem.positions[row] as number;
  const expected = attentionWeights(inputs, row).data; // [H, N]
  using query = queries.slice(row, 1);
  using position = new IndexTensor(backend, [place]);
  const [logSumExp] = operations.scope(() => [
    operations.logSumExp(operations.attend(query, position, context, options)),
  ]) as [Tensor];
  try {
    const shared = { ...options, logSumExp };
    const read = async (from: number, to: number) => {
      using weights = operations.attendWeights(query, position, context, { ...shared, from, to });
      return weights.readFloat32();
    };
    const what = `position ${place}, ${options.slopes === null ? 'no slopes' : 'slopes'}`;
    const whole = await read(0, length);
    expectClose(whole, expected, { operation: 'attendWeights', dtype, what });
    const seen = place - firstPosition + 1;
    for (let h = 0; h < problem.heads; h += 1) {
      const weights = whole.subarray(h * length, (h + 1) * length);
      const total = weights.reduce((sum, weight) => sum + weight, 0);
      expectThat(Math.abs(total - 1) < 1e-4, `The weights of head ${h}, ${what}, sum to ${total}.`);
      const unseen = weights.subarray(seen);
      expectSame(unseen, new Float32Array(unseen.length), `weights of what head ${h} does not see, ${what}`);
    }
    for (const [from, to] of [
      [0, length],
      [length >> 1, length],
      [length - 1, length],
      [length >> 2, length >> 1],
    ]) {
      const part = expected.filter((_, i) => i % length >= from && i % length < to);
      const tolerance = { atol: 1e-5, rtol: 1e-5 }; // of weights up to 1: a part may hold small ones only
      const at = `${what}, entries ${from} … ${to}`;
      expectClose(await read(from, to), part, { operation: 'attendWeights', dtype, tolerance, what: at });
    }
  } finally {
    logSumExp.dispose();
  }
}
