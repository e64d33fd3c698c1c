/** Many queries at once over several blocks of entries, against float64, on one thread and on two. */

import { type Backend, type ContextView, Tensor } from '@inattention/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCpuBackend } from '../cpu-backend.ts';

interface Case {
  readonly name: string;
  readonly queries: number;
  readonly entries: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly rowsPerPage: number;
  readonly sloped?: boolean;
  readonly half?: boolean;
  /** Attend to the parts between these, each folded into the state so far. */
  readonly cuts?: readonly number[];
}

const one = { heads: 2, kvHeads: 2, headDim: 16, rowsPerPage: 256 };

const cases: readonly Case[] = [
  { name: 'causal', queries: 300, entries: 300, ...one },
  { name: 'an odd number of rows', queries: 257, entries: 259, ...one },
  { name: 'distances', queries: 150, entries: 400, ...one, sloped: true },
  { name: 'f16', queries: 140, entries: 270, ...one, half: true },
  { name: 'grouped, odd pages', queries: 90, entries: 301, heads: 6, kvHeads: 2, headDim: 20, rowsPerPage: 7 },
  { name: 'a head dimension of 5', queries: 131, entries: 140, heads: 3, kvHeads: 3, headDim: 5, rowsPerPage: 64 },
  {
    name: 'more heads in a group than rows in a tile',
    queries: 5,
    entries: 150,
    heads: 130,
    kvHeads: 1,
    headDim: 4,
    rowsPerPage: 256,
  },
  { name: 'in parts', queries: 200, entries: 400, ...one, sloped: true, cuts: [0, 130, 131, 400] },
];

const backends: Backend[] = [];
beforeAll(async () => {
  backends.push(await createCpuBackend({ threads: 1 }), await createCpuBackend({ threads: 2 }));
});
afterAll(() => {
  for (const backend of backends) backend.dispose();
});

describe('attention of many queries', () => {
  test.each(cases)('$name', async (chosen) => {
    const [alone, shared] = (await Promise.all(backends.map((backend) => run(backend, chosen)))) as [State, State];
    expect(shared).toEqual(alone); // to the bit
    const expected = reference(chosen);
    for (const part of ['out', 'max', 'sum'] as const) {
      const size = Math.max(...expected[part].filter((number) => number !== lowest).map(Math.abs));
      const error = Math.max(...expected[part].map((number, at) => Math.abs(number - (alone[part][at] as number))));
      expect(error, part).toBeLessThan(size * 2e-5);
    }
  });

  test('a value that a query does not see cannot reach it, NaN or not', async () => {
    const chosen: Case = { name: 'future', queries: 70, entries: 70, ...one };
    const [backend] = backends as [Backend];
    const { out } = await run(backend, chosen, (entry) => (entry === 61 ? Number.NaN : null));
    const width = chosen.heads * chosen.headDim;
    expect([...out.subarray(0, 61 * width)].every(Number.isFinite)).toBe(true);
    expect([...out.subarray(61 * width)].every(Number.isNaN)).toBe(true);
  });
});

interface State {
  readonly out: Float32Array;
  readonly max: Float32Array;
  readonly sum: Float32Array;
}

/** A number in (−1, 1) that depends on its place only; exact in f16. */
function value(seed: number, place: number): number {
  const bits = Math.imul(place + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca6b);
  return ((Math.imul(bits ^ (bits >>> 15), 0x2c1b3c6d) >>> 22) - 512) / 512;
}

/** The last positions, the newest last, but the first query sees nothing and the second everything. */
function positionOf({ queries, entries }: Case, query: number): number {
  if (queries === entries) return query;
  if (query < 2) return query === 0 ? -1 : entries + 2;
  return entries - queries + query;
}

const slopeOf = (head: number): number => 2 ** (-head - 3);
/** The maximum of a query that sees nothing. */
const lowest = Math.fround(-3.4028234663852886e38);
const queryScale = 3; // peaked enough that a wrong score shows

async function run(backend: Backend, chosen: Case, instead = (_entry: number): number | null => null): Promise<State> {
  const { queries: count, entries, heads, kvHeads, headDim, rowsPerPage, sloped = false, half = false } = chosen;
  const owned: Tensor[] = [];
  const tensor = (numbers: Float32Array | Int32Array, shape: readonly number[], toHalf = false): Tensor => {
    const made = Tensor.from(backend, numbers, shape, 'context');
    owned.push(made);
    if (!toHalf) return made;
    const halved = Tensor.allocate(backend, shape, 'f16', 'context');
    owned.push(halved);
    backend.primitives.cast({ input: made, out: halved });
    return halved;
  };
  const width = kvHeads * headDim;
  const rows = (page: number, seed: number): Tensor => {
    const number = (at: number): number => {
      const place = page * rowsPerPage * width + at;
      return (seed === 1 ? instead(Math.floor(place / width)) : null) ?? value(seed, place);
    };
    const numbers = Float32Array.from({ length: rowsPerPage * width }, (_, at) => number(at));
    return tensor(numbers, [rowsPerPage, kvHeads, headDim], half);
  };
  const pages = Array.from({ length: Math.ceil(entries / rowsPerPage) }, (_, page) => ({
    keys: rows(page, 0),
    values: rows(page, 1),
  }));
  const context: ContextView = {
    length: entries,
    firstPosition: 0,
    kvHeads,
    headDim,
    window: 1,
    rows: { pages, rowsPerPage },
    positionRows: null,
    index: null,
    scale: null,
    pageLength: 256,
    rope: null,
  };
  const queries = Float32Array.from({ length: count * heads * headDim }, (_, at) => queryScale * value(2, at));
  const state = {
    out: tensor(new Float32Array(count * heads * headDim), [count, heads, headDim]),
    max: tensor(new Float32Array(count * heads), [count, heads]),
    sum: tensor(new Float32Array(count * heads), [count, heads]),
  };
  const shared = {
    queries: tensor(queries, [count, heads, headDim]),
    positions: tensor(
      Int32Array.from({ length: count }, (_, t) => positionOf(chosen, t)),
      [count],
    ),
    context,
    slopes: sloped
      ? tensor(
          Float32Array.from({ length: heads }, (_, h) => slopeOf(h)),
          [heads],
        )
      : null,
    scale: 1 / Math.sqrt(headDim),
    ...state,
  };
  const { cuts = [0, entries] } = chosen;
  cuts.slice(1).forEach((to, part) => {
    backend.fused.attend?.({ ...shared, from: cuts[part] as number, to, accumulate: part > 0 });
  });
  const read = (of: Tensor): Promise<Float32Array> => of.readFloat32();
  const [out, max, sum] = (await Promise.all([state.out, state.max, state.sum].map(read))) as [
    Float32Array,
    Float32Array,
    Float32Array,
  ];
  for (const each of owned) each.dispose();
  return { out, max, sum };
}

/** The contract's formula in float64. */
function reference(chosen: Case): { readonly out: number[]; readonly max: number[]; readonly sum: number[] } {
  const { queries: count, entries, heads, kvHeads, headDim, sloped = false } = chosen;
  const out: number[] = [];
  const max: number[] = [];
  const sum: number[] = [];
  for (let t = 0; t < count; t += 1) {
    const position = positionOf(chosen, t);
    const seen = Math.min(entries, position + 1);
    for (let h = 0; h < heads; h += 1) {
      const g = Math.floor(h / (heads / kvHeads));
      const at = (entry: number, c: number): number => (entry * kvHeads + g) * headDim + c;
      const scores = Array.from({ length: seen }, (_, entry) => {
        let score = 0;
        for (let c = 0; c < headDim; c += 1) {
          score += queryScale * value(2, (t * heads + h) * headDim + c) * value(0, at(entry, c));
        }
        return score / Math.sqrt(headDim) - (sloped ? slopeOf(h) * (position - entry) : 0);
      });
      const most = Math.max(lowest, ...scores);
      const weights = scores.map((score) => Math.exp(score - most));
      const total = weights.reduce((a, b) => a + b, 0);
      max.push(most);
      sum.push(total);
      for (let c = 0; c < headDim; c += 1) {
        const mixed = weights.reduce((all, weight, entry) => all + weight * value(1, at(entry, c)), 0);
        out.push(total === 0 ? 0 : mixed / total);
      }
    }
  }
  return { out, max, sum };
}
