/** The identities that context modes rest on (DESIGN §3), as equalities in float64. */

import { describe, expect, it } from 'vitest';
import { compareArrays, formatComparison } from '../comparison/compare-arrays.ts';
import { randomNumbers } from '../inputs/random-numbers.ts';
import { absorbedAttention } from './absorbed-attention.ts';
import { attentionForward, attentionWeights } from './attention.ts';
import { collapsedScores, collapsedValues } from './collapse.ts';
import { buildTables, inverseRms, readTables } from './context-tables.ts';
import { gainForward } from './gain.ts';
import { embedForward, initialStateForward } from './initial-state.ts';
import { linearForward } from './linear.ts';
import { mergeAttention } from './merge-attention.ts';
import { type NdArray, ndArray, reshaped } from './nd-array.ts';
import { rmsNormForward } from './rms-norm.ts';

const [V, D, H, G, C, N] = [11, 6, 4, 2, 3, 23];
const epsilon = 1e-2;

function expectEqual(got: ArrayLike<number>, expected: ArrayLike<number>): void {
  const comparison = compareArrays(got, expected, { relativeToMax: 1e-13 });
  expect(comparison.ok, formatComparison(comparison)).toBe(true);
}

/** Keys or values of one head, [n, C], out of [n, G·C]. */
const headOf = (rows: NdArray, g: number) => rows.data.filter((_, i) => Math.floor((i % rows.shape[1]) / C) === g);

describe.each([
  { window: 1, learned: false },
  { window: 3, learned: false },
  { window: 1, learned: true },
  { window: 4, learned: true },
])('window $window, learned positions $learned', ({ window, learned }) => {
  const random = randomNumbers(100 * window + (learned ? 1 : 0));
  const normals = (...shape: number[]) => ndArray(shape, random.normals(shape.reduce((a, b) => a * b, 1)));
  const ids = Array.from({ length: N }, () => random.integer(V)); // ids repeat: 23 positions, 11 ids
  const embedding = normals(V, D);
  const positions = learned ? normals(N + 2, D) : null;
  const mixing = window > 1 ? normals(window - 1, D, D) : null;
  const norm = normals(D);
  const key = normals(G * C, D);
  const value = normals(G * C, D);

  const initial = initialStateForward(embedForward(ids, embedding, positions), mixing);
  const states = rmsNormForward(initial, null, epsilon).out;
  const keys = linearForward(gainForward(states, norm), key);
  const values = linearForward(gainForward(states, norm), value);
  const inverse = inverseRms(initial, epsilon);
  const weights = { embedding, positions, mixing, norm };
  const keyTables = buildTables(key, weights);
  const valueTables = buildTables(value, weights);

  it('has the keys and values that its tables say', () => {
    expect(keyTables.idRows).toHaveLength(window);
    expectEqual(readTables(keyTables, ids, inverse).data, keys.data);
    expectEqual(readTables(valueTables, ids, inverse).data, values.data);
  });

  const queries = normals(2, H, C);
  const inputs = {
    queries,
    positions: [N - 1, 13],
    keys: reshaped(keys, [N, G, C]),
    values: reshaped(values, [N, G, C]),
    slopes: [0.5, 0.1, 0.02, 0],
  };

  it('collapses values by id', () => {
    const { out } = attentionForward(inputs);
    for (let t = 0; t < 2; t += 1) {
      for (let h = 0; h < H; h += 1) {
        const row = attentionWeights(inputs, t).data.subarray(h * N, h * N + inputs.positions[t] + 1);
        const column = Math.floor((h * G) / H) * C;
        const got = collapsedValues(row, valueTables, ids, inverse, column, C);
        expectEqual(got, out.data.subarray((t * H + h) * C, (t * H + h + 1) * C));
      }
    }
  });

  it('collapses scores by id', () => {
    for (let h = 0; h < H; h += 1) {
      const g = Math.floor((h * G) / H);
      const query = queries.data.slice(h * C, (h + 1) * C);
      const expected = linearForward(ndArray([N, C], headOf(keys, g)), ndArray([1, C], query));
      expectEqual(collapsedScores(query, N, keyTables, ids, inverse, g * C), expected.data);
    }
  });

  it('merges parts exactly, a part unseen by a query among them', () => {
    const whole = attentionForward(inputs);
    const part = (from: number, to: number) =>
      attentionForward({
        ...inputs,
        firstPosition: from,
        keys: ndArray([to - from, G, C], keys.data.subarray(from * G * C, to * G * C)),
        values: ndArray([to - from, G, C], values.data.subarray(from * G * C, to * G * C)),
      });
    const merged = mergeAttention([part(14, 23), part(0, 1), part(1, 14)]); // the query at 13 sees nothing of the first
    expectEqual(merged.out.data, whole.out.data);
    expectEqual(merged.max.data, whole.max.data);
    expectEqual(merged.sum.data, whole.sum.data);
  });

  it('sees a bias of keys that are not rotated nowhere, and one of values in the result', () => {
    const [keyBias, valueBias] = [normals(G * C), normals(G * C)];
    const biased = (rows: NdArray, bias: NdArray) => rows.data.map((number, i) => number + bias.data[i % (G * C)]);
    const plain = attentionForward(inputs).out;
    const { out } = attentionForward({
      ...inputs,
      keys: ndArray([N, G, C], biased(keys, keyBias)),
      values: ndArray([N, G, C], biased(values, valueBias)),
    });
    const group = (h: number) => Math.floor((h * G) / H);
    const expected = plain.data.map((number, i) => number + valueBias.data[group(Math.floor(i / C) % H) * C + (i % C)]);
    expectEqual(out.data, expected);
  });

  it('attends through states alone', () => {
    const got = absorbedAttention({
      queries,
      positions: inputs.positions,
      states,
      key,
      value,
      norm,
      slopes: inputs.slopes,
    });
    expectEqual(got.data, attentionForward(inputs).out.data);
  });
});

describe('positions', () => {
  it('adds a row per learned position to the tables, and none otherwise', () => {
    const random = randomNumbers(3);
    const weights = { embedding: ndArray([2, 2], random.normals(4)), mixing: null, norm: ndArray([2], [1, 1]) };
    const projection = ndArray([1, 2], [1, 2]);
    expect(buildTables(projection, { ...weights, positions: null }).positionRows).toBeNull();
    const positions = ndArray([3, 2], random.normals(6));
    expect(buildTables(projection, { ...weights, positions }).positionRows?.shape).toEqual([3, 1]);
  });
});
