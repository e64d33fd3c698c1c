/** One query over contexts of several segments, against the contract's formula in float64, on one thread and on two. */

import { type Backend, type ContextView, Tensor } from '@inattention/core';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { createCpuBackend } from '../cpu-backend.ts';

const headDim = 16;
const fineLength = 2048;

interface Case {
  readonly name: string;
  readonly entries: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly window: number;
  /** Distinct slots; null: rows of its own per position. */
  readonly slots: number | null;
  readonly rope: boolean;
  readonly alibi: boolean;
  readonly positionRows?: boolean;
  readonly half?: boolean;
}

const cases: readonly Case[] = [
  { name: 'kv', entries: 5003, heads: 4, kvHeads: 4, window: 1, slots: null, rope: false, alibi: true },
  {
    name: 'kv, grouped, f16',
    entries: 4500,
    heads: 6,
    kvHeads: 2,
    window: 1,
    slots: null,
    rope: false,
    alibi: false,
    half: true,
  },
  { name: 'table, w = 1, rope', entries: 5003, heads: 4, kvHeads: 4, window: 1, slots: 700, rope: true, alibi: false },
  {
    name: 'table, w = 1, rope, grouped, f16',
    entries: 2050,
    heads: 6,
    kvHeads: 2,
    window: 1,
    slots: 300,
    rope: true,
    alibi: false,
    half: true,
  },
  { name: 'table, w = 3, rope', entries: 4099, heads: 4, kvHeads: 2, window: 3, slots: 701, rope: true, alibi: false },
  {
    name: 'table, w = 2, rope, f16',
    entries: 2100,
    heads: 2,
    kvHeads: 2,
    window: 2,
    slots: 99,
    rope: true,
    alibi: false,
    half: true,
  },
  {
    name: 'table, w = 3, alibi, long',
    entries: 17001,
    heads: 4,
    kvHeads: 4,
    window: 3,
    slots: 1501,
    rope: false,
    alibi: true,
  },
  {
    name: 'table, w = 3, none, position rows',
    entries: 2500,
    heads: 4,
    kvHeads: 2,
    window: 3,
    slots: 500,
    rope: false,
    alibi: false,
    positionRows: true,
  },
];

const backends: Backend[] = [];
beforeAll(async () => {
  backends.push(await createCpuBackend({ threads: 1 }), await createCpuBackend({ threads: 2 }));
});
afterAll(() => {
  for (const backend of backends) backend.dispose();
});

describe('attention of one query over several segments', () => {
  test.each(cases)('$name', async (chosen) => {
    const [one, two] = (await Promise.all(backends.map((backend) => run(backend, chosen)))) as [Result, Result];
    expect(backends[1]?.info.details.threads).toBe(2);
    expect(two.out).toEqual(one.out); // to the bit
    const expected = reference(chosen);
    const size = Math.max(...expected.map(Math.abs));
    const error = Math.max(...expected.map((value, place) => Math.abs(value - (one.out[place] as number))));
    expect(error).toBeLessThan(size * (chosen.half ? 2e-4 : 2e-5));
  });
});

interface Result {
  readonly out: Float32Array;
}

/** A number in (−1, 1) that depends on its place only; exact in f16. */
function value(seed: number, place: number): number {
  const bits = Math.imul(place + 1, 0x9e3779b1) ^ Math.imul(seed + 1, 0x85ebca6b);
  return ((Math.imul(bits ^ (bits >>> 15), 0x2c1b3c6d) >>> 22) - 512) / 512;
}

function slotOf({ slots }: Case, entry: number): number {
  return slots === null ? entry : Math.floor(((value(9, entry) + 1) / 2) ** 2 * slots);
}

function scaleOf({ slots }: Case, entry: number): number {
  return slots === null ? 1 : 1.5 + value(5, entry);
}

async function run(backend: Backend, chosen: Case): Promise<Result> {
  const { entries, heads, kvHeads, window, slots, rope, alibi, positionRows = false, half = false } = chosen;
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
  const pagesOf = (count: number, perPage: number, seed: number) =>
    Array.from({ length: Math.ceil(count / perPage) }, (_, page) => {
      const rows = (which: number): Tensor =>
        tensor(
          Float32Array.from({ length: perPage * width }, (_, at) => value(seed + which, page * perPage * width + at)),
          [perPage, kvHeads, headDim],
          half,
        );
      return { keys: rows(0), values: rows(1) };
    });
  const perPosition = (of: (entry: number) => number, ints: boolean) =>
    Array.from({ length: Math.ceil(entries / 256) }, (_, page) => {
      const numbers = Array.from({ length: 256 }, (_, at) => of(page * 256 + at));
      return tensor(ints ? Int32Array.from(numbers) : Float32Array.from(numbers), [256]);
    });
  const table = (step: number): Tensor =>
    tensor(
      Float32Array.from({ length: fineLength * headDim }, (_, at) => {
        const angle = angleOf(Math.floor(at / headDim) * step, (at % headDim) >> 1);
        return at % 2 === 0 ? Math.cos(angle) : Math.sin(angle);
      }),
      [fineLength, headDim / 2, 2],
    );
  const rowsPerPage = 256 * window;
  const context: ContextView = {
    length: entries,
    firstPosition: 0,
    kvHeads,
    headDim,
    window,
    rows: { pages: pagesOf((slots ?? entries) * window, rowsPerPage, 1), rowsPerPage },
    pageLength: 256,
    index: slots === null ? null : perPosition((entry) => slotOf(chosen, entry), true),
    scale: slots === null ? null : perPosition((entry) => scaleOf(chosen, entry), false),
    positionRows: positionRows ? { pages: pagesOf(entries, 256, 20), rowsPerPage: 256 } : null,
    rope: rope ? { fineLength, fine: table(1), coarse: table(fineLength) } : null,
  };
  const out = tensor(new Float32Array(heads * headDim), [1, heads, headDim]);
  backend.fused.attend?.({
    queries: tensor(query(heads), [1, heads, headDim]),
    positions: tensor(Int32Array.of(entries - 1), [1]),
    context,
    from: 0,
    to: entries,
    slopes: alibi ? tensor(slopesOf(heads), [heads]) : null,
    scale: 1 / Math.sqrt(headDim),
    accumulate: false,
    out,
    max: tensor(new Float32Array(heads), [1, heads]),
    sum: tensor(new Float32Array(heads), [1, heads]),
  });
  const result = new Float32Array(await backend.read(out.buffer, out.byteOffset, heads * headDim * 4));
  for (const each of owned) each.dispose();
  return { out: result };
}

function query(heads: number): Float32Array {
  return Float32Array.from({ length: heads * headDim }, (_, at) => 2 * value(40, at));
}

function slopesOf(heads: number): Float32Array {
  return Float32Array.from({ length: heads }, (_, head) => 2 ** -(head + 4));
}

function angleOf(position: number, pair: number): number {
  return position * 10000 ** ((-2 * pair) / headDim);
}

/** The contract's formula, in float64. */
function reference(chosen: Case): number[] {
  const { entries, heads, kvHeads, window, rope, alibi, positionRows = false } = chosen;
  const width = kvHeads * headDim;
  const vector = (which: number, entry: number, kvHead: number): number[] =>
    Array.from({ length: headDim }, (_, c) => {
      const column = kvHead * headDim + c;
      let sum = positionRows ? value(20 + which, entry * width + column) : 0;
      for (let j = 0; j < window && j <= entry; j += 1) {
        sum += value(1 + which, (slotOf(chosen, entry - j) * window + j) * width + column);
      }
      return sum * Math.fround(scaleOf(chosen, entry));
    });
  const rotate = (x: number[], position: number): number[] =>
    x.map((_, c) => {
      const pair = c % (headDim / 2);
      const angle = angleOf(position, pair);
      const [a, b] = [x[pair] as number, x[pair + headDim / 2] as number];
      return c < headDim / 2 ? a * Math.cos(angle) - b * Math.sin(angle) : b * Math.cos(angle) + a * Math.sin(angle);
    });
  const queries = query(heads);
  return Array.from({ length: heads }, (_, head) => {
    const kvHead = Math.floor((head * kvHeads) / heads);
    const scores = Array.from({ length: entries }, (_, entry) => {
      const key = rope ? rotate(vector(0, entry, kvHead), entry) : vector(0, entry, kvHead);
      const product = key.reduce((sum, k, c) => sum + k * (queries[head * headDim + c] as number), 0);
      const distance = alibi ? (slopesOf(heads)[head] as number) * (entries - 1 - entry) : 0;
      return product / Math.sqrt(headDim) - distance;
    });
    const top = scores.reduce((most, score) => Math.max(most, score), Number.NEGATIVE_INFINITY);
    const weights = scores.map((score) => Math.exp(score - top));
    const total = weights.reduce((sum, weight) => sum + weight, 0);
    const out = new Array<number>(headDim).fill(0);
    weights.forEach((weight, entry) => {
      vector(1, entry, kvHead).forEach((v, c) => {
        out[c] = (out[c] as number) + (weight / total) * v;
      });
    });
    return out;
  }).flat();
}
