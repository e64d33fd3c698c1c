/** Whatever fails inside an operation, at whichever allocation, write or kernel: nothing is left behind. */

import { expect, it } from 'vitest';
import type { Device } from '../../test/device.ts';
import { eachFault, withFaults } from '../../test/faults.ts';
import { seededRandom } from '../../test/random.ts';
import { makeViewData, uploadView, type ViewKind, viewKinds } from '../../test/views.ts';
import type { Backend } from '../backend/backend.ts';
import type { FusedOperations } from '../backend/fused.ts';
import { createHostBackend } from '../testing/host-backend.ts';
import { adamw } from './adamw.ts';
import { denseContext, EagerOperations } from './eager-operations.ts';

type Made = { dispose(): void } | null;

/** Each runs one operation on inputs made before, and returns what it made. */
const works: Record<string, (inputs: Inputs) => Made[]> = {
  upload: ({ operations }) => [operations.upload(Float32Array.of(1), [1])],
  zeros: ({ operations }) => [operations.zeros([2])],
  index: ({ operations }) => [operations.index([1, 2])],
  add: ({ operations, x }) => [operations.add(x, x)],
  exp: ({ operations, x }) => [operations.exp(x)],
  scale: ({ operations, x }) => [operations.scale(x, 2)],
  sum: ({ operations, x }) => [operations.sum(x, 0)],
  mean: ({ operations, x }) => [operations.mean(x)],
  cast: ({ operations, x }) => [operations.cast(x, 'f16')],
  permute: ({ operations, x }) => [operations.permute(x, [1, 0])],
  matmul: ({ operations, x }) => [operations.matmul(x, x, { transposeB: true })],
  linear: ({ operations, x }) => [operations.linear(x, x)],
  embed: ({ operations, heads, ids }) => [operations.embed(heads, ids)],
  gatherRows: ({ operations, x, ids }) => [operations.gatherRows([x], 4, ids.tensor)],
  scatterAddRows: ({ operations, x, ids }) => [operations.scatterAddRows(ids, x, 5)],
  rmsNorm: ({ operations, x }) => [operations.rmsNorm(x, null, 1e-5)],
  rmsNormWithInverse: ({ operations, x, gain }) => Object.values(operations.rmsNormWithInverse(x, gain, 1e-5)),
  inverseRms: ({ operations, x }) => [operations.inverseRms(x, 1e-5)],
  rmsNormBackward: ({ operations, x, gain, rows }) => Object.values(operations.rmsNormBackward(x, gain, rows, x)),
  rope: ({ operations, heads, ids, view }) => [operations.rope(heads, ids, view.rope as NonNullable<typeof view.rope>)],
  swiglu: ({ operations, x }) => [operations.swiglu(x, x)],
  swigluBackward: ({ operations, x }) => Object.values(operations.swigluBackward(x, x, x)),
  crossEntropy: ({ operations, x, ids }) => [operations.crossEntropy(x, ids)],
  crossEntropyBackward: ({ operations, x, ids, rows }) => [operations.crossEntropyBackward(x, ids, rows, rows)],
  attention: ({ operations, heads, ids }) => [
    operations.attention(heads, heads, heads, { positions: ids, firstPosition: 0, scale: 1, slopes: [1, 2] }),
  ],
  attend: ({ operations, heads, late, view, slopes }) =>
    Object.values(operations.attend(heads, late, view, { scale: 1, slopes })),
  mergeAttention: ({ operations, state }) => Object.values(operations.mergeAttention([state, state, state])),
  copyOfAttention: ({ operations, state }) => Object.values(operations.mergeAttention([state])),
  logSumExp: ({ operations, state }) => [operations.logSumExp(state)],
  attendWeights: ({ operations, query, last, view, slopes, queryStats }) => [
    operations.attendWeights(query, last, view, { scale: 1, slopes, logSumExp: queryStats }),
  ],
  attendBackward: ({ operations, heads, ids, stats }) => {
    const inputs = { queries: heads, keys: heads, values: heads, out: heads, gradOut: heads, logSumExp: stats };
    const all = { ...inputs, positions: ids, firstPosition: 0 };
    return Object.values(operations.attendBackward(all, { scale: 1, slopes: null }));
  },
  expandContext: ({ operations, view }) => Object.values(operations.expandContext(view, 1, 9)),
  adamw: ({ operations, x }) => {
    const state = { parameter: x, gradient: x, firstMoment: x, secondMoment: x };
    const rates = { learningRate: 0.1, beta1: 0.9, beta2: 0.9, epsilon: 1, weightDecay: 0, step: 1 };
    adamw(operations, state, rates);
    return [];
  },
};

function makeInputs(operations: EagerOperations, backend: Backend) {
  const random = seededRandom(80);
  const device: Device = {
    ...{ backend, operations },
    tensor: (data, shape) => operations.upload(Float32Array.from(data), shape),
    half: (data, shape) => operations.upload(Float32Array.from(data), shape),
    index: (values) => operations.index(values),
  };
  const everything = viewKinds.at(-1) as ViewKind;
  const sizes = { length: 9, kvHeads: 1, headDim: 4, pageLength: 4, rowsPerPage: 4 };
  return {
    operations,
    x: device.tensor(random.normals(16), [4, 4]),
    heads: device.tensor(random.normals(32), [4, 2, 4]),
    gain: device.tensor(random.normals(4), [4]),
    rows: device.tensor(random.normals(4), [4]),
    stats: device.tensor(random.normals(8), [4, 2]),
    queryStats: device.tensor(random.normals(2), [1, 2]),
    query: device.tensor(random.normals(8), [1, 2, 4]),
    slopes: device.tensor([1, 0.5], [2]),
    state: {
      out: device.tensor(random.normals(32), [4, 2, 4]),
      max: device.tensor(random.normals(8), [4, 2]),
      sum: device.tensor([1, 2, 3, 4, 5, 6, 7, 8], [4, 2]),
    },
    ids: device.index([3, 0, 2, 1]),
    late: device.index([25, 17, 20, 16]),
    last: device.index([25]),
    view: uploadView(device, makeViewData(everything, sizes, random)),
  };
}
type Inputs = ReturnType<typeof makeInputs>;

/** Fused operations that do nothing: enough to fail in. */
const nothing = () => {};
const idle: FusedOperations = {
  ...{ rmsNorm: nothing, rmsNormBackward: nothing, rope: nothing, swiglu: nothing, swigluBackward: nothing },
  ...{ attend: nothing, attendBackward: nothing, attendWeights: nothing, adamw: nothing },
  ...{ crossEntropy: nothing, crossEntropyBackward: nothing },
};

it.each(
  Object.keys(works).flatMap((name) => [
    [name, 'composed'],
    [name, 'fused'],
  ]),
)('%s, %s', (name, form) => {
  const host = createHostBackend();
  const faulty = withFaults(form === 'fused' ? { ...host, fused: idle } : host);
  const operations = new EagerOperations(faulty.backend);
  const inputs = makeInputs(operations, faulty.backend);
  const before = host.ledger.snapshot().liveTotal;
  const work = () => {
    for (const made of (works[name] as (typeof works)[string])(inputs)) made?.dispose();
  };
  const calls = eachFault(faulty, work, (call) => {
    expect(`${host.ledger.snapshot().liveTotal} bytes after a fault at call ${call}`).toBe(
      `${before} bytes after a fault at call ${call}`,
    );
  });
  expect(calls).toBeGreaterThan(0);
});

it('a fold into a state that fails leaves the state as it was', async () => {
  const faulty = withFaults(createHostBackend());
  const operations = new EagerOperations(faulty.backend);
  const { heads, ids } = makeInputs(operations, faulty.backend);
  const view = denseContext(heads, heads, 0);
  const options = { scale: 1, slopes: null };
  const state = operations.attend(heads, ids, view, { ...options, to: 2 });
  const before = await Promise.all(Object.values(state).map((tensor) => tensor.read()));
  faulty.failAt(40);
  expect(() => operations.attend(heads, ids, view, { ...options, from: 2, into: state })).toThrow(/Fault/);
  expect(await Promise.all(Object.values(state).map((tensor) => tensor.read()))).toEqual(before);
});
