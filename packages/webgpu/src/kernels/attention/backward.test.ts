import { expect, test, vi } from 'vitest';
import { numbers, relativeError } from '../../../test/compare-numbers.ts';
import { KernelTrial, reducingTrialsOf, trialsOf } from '../../../test/kernel-trial.ts';
import { openDevice } from '../../device/open-device.ts';
import { rowWayOf } from '../wgsl/row-work.ts';
import { attendBackward } from './backward.ts';
import { backwardRows } from './backward-rows.ts';

vi.setConfig({ testTimeout: 240_000 });

const { device } = await openDevice({ limits: 'default' });

interface Problem {
  readonly positions: readonly number[];
  readonly firstPosition: number;
  readonly entries: number;
  readonly heads: number;
  readonly kvHeads: number;
  readonly headDim: number;
  readonly sloped: boolean;
}

/** Peaked: scores spread over about ±8. */
function inputs({ positions, entries, heads, kvHeads, headDim, sloped }: Problem) {
  return {
    queries: numbers(positions.length * heads * headDim, 1, 2),
    keys: numbers(entries * kvHeads * headDim, 2, 1.5),
    values: numbers(entries * kvHeads * headDim, 3),
    gradOut: numbers(positions.length * heads * headDim, 4),
    slopes: sloped ? Float32Array.from({ length: heads }, (_, h) => 2 ** -(h + 1)) : null,
  };
}

function reference(problem: Problem, given: ReturnType<typeof inputs>) {
  const { positions, firstPosition, entries, heads, kvHeads, headDim } = problem;
  const { queries, keys, values, gradOut, slopes } = given;
  const scale = 1 / Math.sqrt(headDim);
  const out = new Float64Array(queries.length);
  const logSumExp = new Float64Array(positions.length * heads);
  const gradients = [queries, keys, values].map(({ length }) => new Float64Array(length));
  const [gradQueries, gradKeys, gradValues] = gradients as [Float64Array, Float64Array, Float64Array];
  const dot = (a: ArrayLike<number>, i: number, b: ArrayLike<number>, j: number) => {
    let sum = 0;
    for (let c = 0; c < headDim; c += 1) sum += (a[i + c] as number) * (b[j + c] as number);
    return sum;
  };
  const add = (a: Float64Array, i: number, factor: number, b: ArrayLike<number>, j: number) => {
    for (let c = 0; c < headDim; c += 1) a[i + c] = (a[i + c] as number) + factor * (b[j + c] as number);
  };
  positions.forEach((position, t) => {
    for (let h = 0; h < heads; h += 1) {
      const row = (t * heads + h) * headDim;
      const entryRow = (i: number) => (i * kvHeads + Math.floor((h * kvHeads) / heads)) * headDim;
      const seen = Math.max(0, Math.min(entries, position - firstPosition + 1));
      const scores = Array.from({ length: seen }, (_, i) => {
        const distance = position - firstPosition - i;
        return scale * dot(queries, row, keys, entryRow(i)) - (slopes?.[h] ?? 0) * distance;
      });
      const max = Math.max(-3.4028234663852886e38, ...scores);
      const sum = scores.reduce((total, score) => total + Math.exp(score - max), 0);
      logSumExp[t * heads + h] = seen === 0 ? max : max + Math.log(sum);
      const weights = scores.map((score) => Math.exp(score - max) / sum);
      weights.forEach((weight, i) => {
        add(out, row, weight, values, entryRow(i));
      });
      const delta = dot(gradOut, row, out, row);
      weights.forEach((weight, i) => {
        const at = entryRow(i);
        const gradScore = weight * (dot(gradOut, row, values, at) - delta);
        add(gradQueries, row, scale * gradScore, keys, at);
        add(gradKeys, at, scale * gradScore, queries, row);
        add(gradValues, at, weight, gradOut, row);
      });
    }
  });
  return { out, logSumExp, gradQueries, gradKeys, gradValues, scale };
}

const spread = (count: number, end: number) => Array.from({ length: count }, (_, t) => (t * 53) % end);
const plain = { firstPosition: 0, heads: 1, kvHeads: 1, sloped: false };

const problems: readonly Problem[] = [
  { ...plain, positions: [0], entries: 1, headDim: 1 },
  { ...plain, positions: [9, 3], entries: 5, headDim: 3, heads: 4, kvHeads: 2, sloped: true },
  { ...plain, positions: [70, 20, 19, 53, 1000], firstPosition: 20, entries: 33, headDim: 16, heads: 3 },
  { ...plain, positions: spread(65, 97), entries: 97, headDim: 16, heads: 6, kvHeads: 3, sloped: true },
  { ...plain, positions: spread(33, 64), entries: 64, headDim: 64, heads: 8 },
  { ...plain, positions: spread(31, 200), entries: 200, headDim: 80, heads: 2, kvHeads: 2 },
  { ...plain, positions: spread(3, 40), entries: 40, headDim: 256, heads: 2 },
  { ...plain, positions: spread(4, 10), firstPosition: 10, entries: 7, headDim: 16 },
  { ...plain, positions: spread(300, 500), entries: 700, headDim: 16, heads: 2 },
];

/** Bytes of scratch at once while gradients of `count` queries over `entries` entries are recorded. */
function scratchBytes(software: boolean, count: number, entries: number, heads: number): number {
  const trial = new KernelTrial(device, { software });
  const [byQuery, byEntry] = [
    [count, heads, 16],
    [entries, heads, 16],
  ];
  const args = {
    queries: trial.floats(byQuery),
    positions: trial.integers([count], spread(count, entries)),
    keys: trial.floats(byEntry),
    values: trial.floats(byEntry),
    firstPosition: 0,
    slopes: null,
    scale: 1,
    out: trial.floats(byQuery),
    logSumExp: trial.floats([count, heads]),
    gradOut: trial.floats(byQuery),
    gradQueries: trial.floats(byQuery),
    gradKeys: trial.floats(byEntry),
    gradValues: trial.floats(byEntry),
  };
  const before = trial.ledger.live('scratch');
  attendBackward(trial.runner, args);
  expect(trial.ledger.live('scratch')).toBe(before);
  const { peakLive } = trial.ledger.snapshot();
  trial.abandon();
  return peakLive - before;
}

test('scratch: four numbers a query and head, and a bounded block without barriers; none per entry', () => {
  const heads = 3;
  const record = 4 * 4 * heads;
  for (const count of [16, 256, 2048]) {
    for (const entries of [256, 1024, 4096, 16_384]) {
      const tiled = scratchBytes(false, count, entries, heads);
      expect(tiled).toBeGreaterThan(0);
      expect(tiled).toBeLessThanOrEqual(count * record);
      const bytes = scratchBytes(true, count, entries, heads);
      // P and dS of a block: at most 4 MiB each.
      expect(bytes).toBeGreaterThan(tiled);
      expect(bytes).toBeLessThanOrEqual(count * record + 2 * Math.min(4 * heads * count * entries, 1 << 22));
    }
  }
});

async function expectGradients(trial: KernelTrial, problem: Problem): Promise<void> {
  const { positions, entries, heads, kvHeads, headDim, firstPosition } = problem;
  const given = inputs(problem);
  const expected = reference(problem, given);
  const byQuery = [positions.length, heads, headDim];
  const byEntry = [entries, kvHeads, headDim];
  const before = numbers(given.keys.length, 5);
  const views = {
    queries: trial.floats(byQuery, given.queries),
    positions: trial.integers([positions.length], positions),
    keys: trial.floats(byEntry, given.keys),
    values: trial.floats(byEntry, given.values),
    firstPosition,
    slopes: given.slopes === null ? null : trial.floats([heads], given.slopes),
    scale: expected.scale,
    out: trial.floats(byQuery, expected.out),
    logSumExp: trial.floats([positions.length, heads], expected.logSumExp),
    gradOut: trial.floats(byQuery, given.gradOut),
  };
  const gradients = () => ({
    gradQueries: trial.floats(byQuery),
    gradKeys: trial.floats(byEntry, before),
    gradValues: trial.floats(byEntry, before),
  });
  const [once, again] = [gradients(), gradients()];
  attendBackward(trial.runner, { ...views, ...once });
  attendBackward(trial.runner, { ...views, ...again });
  const all = async (of: typeof once) => [
    ...(await trial.read(of.gradQueries)),
    ...(await trial.read(of.gradKeys)),
    ...(await trial.read(of.gradValues)),
  ];
  const added = (gradient: Float64Array) => Array.from(gradient, (x, i) => x + (before[i] as number));
  const wanted = [...expected.gradQueries, ...added(expected.gradKeys), ...added(expected.gradValues)];
  const got = await all(once);
  expect(relativeError(got, wanted), JSON.stringify({ entries, headDim })).toBeLessThan(2e-5);
  expect(await all(again)).toEqual(got);
}

test.each(trialsOf(device))('attendBackward: $name', async ({ name, create }) => {
  const trial = create();
  for (const problem of problems) {
    // A kernel for unaligned wide heads takes a CPU that plays GPU half a minute to compile.
    if (name === 'workgroups, at an offset' && problem.headDim > 64) continue;
    await expectGradients(trial, problem);
  }
  await trial.dispose();
});

// Records are scratch of runs of queries that fit a binding: never at an offset, never too long.
const ways = reducingTrialsOf(device).filter(({ name }) => !/offset|short/.test(name));
test.each(ways)('records of rows: $name', async ({ name, create }) => {
  const trial = create();
  const together = !name.startsWith('barrier-free');
  if (name.includes('subgroups')) expect(rowWayOf(trial.runner, together, 32)).toBe('subgroups');
  for (const problem of problems) {
    const { positions, heads, headDim } = problem;
    const given = inputs(problem);
    const { out, logSumExp } = reference(problem, given);
    const records = trial.floats([positions.length, heads, 4]);
    const byQuery = [positions.length, heads, headDim];
    const views = {
      out: trial.floats(byQuery, out),
      gradOut: trial.floats(byQuery, given.gradOut),
      logSumExp: trial.floats([positions.length, heads], logSumExp),
      positions: trial.integers([positions.length], positions),
      slopes: given.slopes === null ? null : trial.floats([heads], given.slopes),
    };
    backwardRows(trial.runner, views, { first: 0, count: positions.length }, records, together);
    const read = await trial.read(records);
    const integers = new Int32Array(read.slice().buffer);
    const rows = positions.flatMap((position, t) => Array.from({ length: heads }, (_, h) => ({ position, t, h })));
    const deltas = rows.map((_, row) => {
      let delta = 0;
      for (let c = row * headDim; c < (row + 1) * headDim; c += 1)
        delta += (given.gradOut[c] as number) * (out[c] as number);
      return delta;
    });
    expect(
      relativeError(
        rows.map((_, row) => read[4 * row + 1] as number),
        deltas,
      ),
    ).toBeLessThan(2e-6);
    rows.forEach(({ position, h }, row) => {
      expect(read[4 * row]).toBe(Math.fround(logSumExp[row] as number));
      expect(read[4 * row + 2]).toBe(given.slopes?.[h] ?? 0);
      expect(integers[4 * row + 3]).toBe(position);
    });
  }
  await trial.dispose();
});
