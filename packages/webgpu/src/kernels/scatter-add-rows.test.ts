import { expect, test, vi } from 'vitest';
import { numbers, relativeError } from '../../test/compare-numbers.ts';
import { trialsOf } from '../../test/kernel-trial.ts';
import { openDevice } from '../device/open-device.ts';
import { scatterAddRows } from './scatter-add-rows.ts';

vi.setConfig({ testTimeout: 120_000 });

const { device } = await openDevice({ limits: 'default' });

/** The short bindings of the trials hold 16,320 words: of source, of out, of order and of the rows. */
const cases: readonly { readonly width: number; readonly rows: number; readonly ids: readonly number[] }[] = [
  { width: 1, rows: 3, ids: [2, 2, 0] },
  { width: 5, rows: 9, ids: [4, 4, 0, 8, 4, 2, 0] },
  { width: 64, rows: 9, ids: [4, 4, 0, 8, 4, 2, 0] },
  { width: 8, rows: 5000, ids: Array.from({ length: 5003 }, (_, i) => (i * 37) % 5000) }, // long source and out
  { width: 7, rows: 4001, ids: Array.from({ length: 3000 }, (_, i) => (i * i) % 4001) },
  { width: 2, rows: 2, ids: Array.from({ length: 40_000 }, (_, i) => i % 2) }, // and order
  { width: 1, rows: 20_000, ids: Array.from({ length: 20_000 }, (_, i) => 19_999 - i) }, // and rows
];

test.each(trialsOf(device))('scatterAddRows: $name', async ({ create }) => {
  const trial = create();
  for (const { width, rows, ids } of cases) {
    const source = numbers(ids.length * width, 5);
    const before = numbers(rows * width, 9);
    const places = new Map<number, number[]>();
    for (const [place, id] of ids.entries()) {
      const known = places.get(id);
      if (known === undefined) places.set(id, [place]);
      else known.push(place);
    }
    const expected = Float64Array.from(before);
    ids.forEach((id, i) => {
      for (let k = 0; k < width; k += 1)
        expected[id * width + k] = (expected[id * width + k] as number) + (source[i * width + k] as number);
    });
    const named = [...places.keys()];
    const starts = [0];
    for (const id of named) starts.push((starts.at(-1) as number) + (places.get(id)?.length ?? 0));
    const run = async () => {
      const out = trial.floats([rows, width], before);
      scatterAddRows(trial.runner, {
        source: trial.floats([ids.length, width], source),
        rows: trial.integers([named.length], named),
        starts: trial.integers([starts.length], starts),
        order: trial.integers(
          [ids.length],
          named.flatMap((id) => places.get(id) ?? []),
        ),
        count: named.length,
        width,
        out,
      });
      return trial.read(out);
    };
    const first = await run();
    expect(relativeError(first, expected), `${ids.length} rows of ${width}`).toBeLessThan(1e-5);
    expect(await run()).toEqual(first);
  }
  await trial.dispose();
});
