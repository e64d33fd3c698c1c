/** attendBackward: fused, composed and reference agree, at chosen positions, with shared heads, slopes and offsets. */

import { EagerOperations, IndexTensor } from '@inattention/core';
import { randomNumbers } from '../../inputs/random-numbers.ts';
import { type AttentionInputs, attentionForward } from '../../reference/attention.ts';
import { attentionBackward } from '../../reference/attention-backward.ts';
import { type NdArray, ndArray } from '../../reference/nd-array.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { DeviceArrays } from '../device-arrays.ts';
import { variantsOf } from '../evaluate.ts';
import { lengthsUpTo } from '../lengths.ts';
import { attentionInputs, type Problem } from './attention-trial.ts';
import { describeView } from './described-view.ts';

export function backwardTests(group: Group): void {
  for (const { name, fused } of variantsOf(group.fused.has('attendBackward'))) {
    group.describe(`attendBackward, ${name}`, () => {
      group.test('every number of keys', (trial) => keyCounts(trial, fused));
      group.test('every number of queries', (trial) => queryCounts(trial, fused));
      group.test('every shape of heads', (trial) => headShapes(trial, fused));
    });
  }
  if (group.fused.has('attendBackward')) {
    group.test('attendBackward: adds to keys and values, writes queries, at any offset', (trial) => direct(trial));
  }
}

async function keyCounts(trial: Trial, fused: boolean): Promise<void> {
  for (const length of [...lengthsUpTo(512), 320, 769]) {
    const view = describeView({ length, kvHeads: 2, headDim: 8, firstPosition: 30 });
    const positions = [length - 1, 0, length >> 1, length + 2, -1].map((place) => 30 + place); // the last sees nothing
    for (const sloped of [false, true]) {
      await checkBackward(trial, { view, heads: 4, positions, sloped }, fused, `${length} keys, slopes ${sloped}`);
    }
  }
}

async function queryCounts(trial: Trial, fused: boolean): Promise<void> {
  const view = describeView({ length: 70, kvHeads: 2, headDim: 8 });
  for (const count of lengthsUpTo(128)) {
    const positions = Array.from({ length: count }, (_, t) => (t * 53) % 70);
    await checkBackward(trial, { view, heads: 4, positions }, fused, `${count} queries`);
  }
}

async function headShapes(trial: Trial, fused: boolean): Promise<void> {
  for (const headDim of [1, 3, 4, 5, 16, 32, 64, 80, 128, 256]) {
    for (const [heads, kvHeads] of [
      [1, 1],
      [8, 1],
      [7, 7],
      [6, 3],
    ] as const) {
      const problem = { view: describeView({ length: 33, kvHeads, headDim }), heads, positions: [32, 15, 0] };
      await checkBackward(trial, problem, fused, `${heads}/${kvHeads} heads of ${headDim}`);
    }
  }
}

/** What the forward pass returned, and a gradient of its output. */
function forwardOf(inputs: AttentionInputs): { out: NdArray; logSumExp: NdArray; gradOut: NdArray } {
  const { out, max, sum } = attentionForward(inputs);
  const sums = max.data.map((value, i) => (sum.data[i] > 0 ? value + Math.log(sum.data[i]) : value));
  return {
    out,
    logSumExp: ndArray(max.shape, sums),
    gradOut: ndArray(out.shape, randomNumbers(141).normals(out.data.length)),
  };
}

async function checkBackward({ backend, expectClose }: Trial, problem: Problem, fused: boolean, what: string) {
  const inputs = attentionInputs(problem);
  const { out, logSumExp, gradOut } = forwardOf(inputs);
  const expected = attentionBackward(inputs, gradOut);
  const operations = new EagerOperations(backend, { fused });
  using positions = new IndexTensor(backend, problem.positions);
  const gradients = operations.scope(() => {
    const upload = ({ shape, data }: NdArray) => operations.upload(Float32Array.from(data), shape);
    const { headDim, firstPosition = 0 } = problem.view.options;
    const slopes = inputs.slopes ? upload(ndArray([problem.heads], inputs.slopes)) : null;
    const dense = { queries: upload(inputs.queries), keys: upload(inputs.keys), values: upload(inputs.values) };
    const kept = { out: upload(out), logSumExp: upload(logSumExp), gradOut: upload(gradOut) };
    const options = { scale: 1 / Math.sqrt(headDim), slopes };
    const { queries, keys, values } = operations.attendBackward(
      { ...dense, positions, firstPosition, ...kept },
      options,
    );
    return { queries, keys, values };
  });
  // As one: those of queries and keys vanish where a query sees a single key, up to the rounding of larger terms.
  const got: number[] = [];
  for (const tensor of Object.values(gradients)) {
    got.push(...(await tensor.readFloat32()));
    tensor.dispose();
  }
  const { gradQueries, gradKeys, gradValues } = expected;
  const references = [...gradQueries.data, ...gradKeys.data, ...gradValues.data];
  expectClose(got, references, { operation: 'attendBackward', what });
}

async function direct({ backend, expectClose }: Trial): Promise<void> {
  const view = describeView({ length: 100, kvHeads: 2, headDim: 8, firstPosition: 5 });
  const inputs = attentionInputs({ view, heads: 4, positions: [104, 5, 60, 61], sloped: true });
  const { out, logSumExp, gradOut } = forwardOf(inputs);
  const expected = attentionBackward(inputs, gradOut);
  const before = ndArray(inputs.keys.shape, randomNumbers(142).normals(inputs.keys.data.length));
  for (const leadingWords of [0, 5]) {
    using arrays = new DeviceArrays(backend, leadingWords);
    const place = ({ shape, data }: NdArray) => arrays.floats(shape, data);
    const [gradQueries, gradKeys, gradValues] = [arrays.floats(inputs.queries.shape), place(before), place(before)];
    backend.fused.attendBackward?.({
      queries: place(inputs.queries),
      positions: arrays.integers([4], inputs.positions),
      keys: place(inputs.keys),
      values: place(inputs.values),
      firstPosition: 5,
      slopes: place(ndArray([4], inputs.slopes ?? [])),
      scale: 1 / Math.sqrt(8),
      out: place(out),
      logSumExp: place(logSumExp),
      gradOut: place(gradOut),
      gradQueries,
      gradKeys,
      gradValues,
    });
    const shared = { operation: 'attendBackward', what: 'added at an offset' } as const;
    const added = (gradient: NdArray) => gradient.data.map((x, i) => x + (before.data[i] as number));
    expectClose(await arrays.read(gradQueries), expected.gradQueries.data, shared);
    expectClose(await arrays.read(gradKeys), added(expected.gradKeys), shared);
    expectClose(await arrays.read(gradValues), added(expected.gradValues), shared);
  }
}
