/** gatherRows over pages, strides, offsets and missing ids; scatterAddRows. */

import { randomNumbers } from '../../inputs/random-numbers.ts';
import { ndArray } from '../../reference/nd-array.ts';
import { gatherRows, scatterAddRows } from '../../reference/rows.ts';
import type { Group, Trial } from '../conformance-group.ts';
import { atEachOffset, type DeviceArrays } from '../device-arrays.ts';
import { storedNumbers } from '../half-numbers.ts';
import { lengthsUpTo } from '../lengths.ts';

export function rowTests(group: Group): void {
  group.describe('rows', () => {
    for (const dtype of group.capabilities.weightDTypes.filter((name) => name === 'f32' || name === 'f16')) {
      group.test(`gatherRows: every width, ${dtype}`, (trial) =>
        checkGathers(
          trial,
          dtype,
          lengthsUpTo(256).map((width) => ({ width, rows: 7, ids: [6, 0, -1, 3, 3] })),
        ),
      );
      group.test(`gatherRows: every number of ids, ${dtype}`, (trial) =>
        checkGathers(
          trial,
          dtype,
          lengthsUpTo(1024).map((count) => ({ width: 6, rows: 31, ids: idsBelow(31, count) })),
        ),
      );
      group.test(`gatherRows: pages, strides and offsets, ${dtype}`, (trial) => checkGathers(trial, dtype, paged));
      group.test(`gatherRows: accumulate, ${dtype}`, (trial) =>
        checkGathers(
          trial,
          dtype,
          paged.map((gather) => ({ ...gather, accumulate: true })),
        ),
      );
    }
    group.test('scatterAddRows: every width', (trial) =>
      checkScatters(
        trial,
        lengthsUpTo(256).map((width) => ({ width, rows: 9, ids: [4, 4, 0, 8, 4, 2, 0] })),
      ),
    );
    group.test('scatterAddRows: every number of rows, ids that meet often and never', (trial) =>
      checkScatters(
        trial,
        lengthsUpTo(256).flatMap((count) => [
          { width: 5, rows: 3, ids: idsBelow(3, count) },
          { width: 5, rows: count, ids: Array.from({ length: count }, (_, i) => count - 1 - i) },
        ]),
      ),
    );
    group.test('scatterAddRows: source rows that go to several rows', (trial) =>
      checkScatters(
        trial,
        lengthsUpTo(256).map((count) => ({ width: 6, rows: 10, ids: idsBelow(3, 3 * count), sources: count })),
      ),
    );
  });
}

interface Gather {
  readonly width: number;
  /** Rows in all pages together. */
  readonly rows: number;
  readonly ids: readonly number[];
  /** Default: all rows in one page. */
  readonly rowsPerPage?: number;
  readonly stride?: number;
  readonly offset?: number;
  readonly accumulate?: boolean;
}

const paged: readonly Gather[] = [
  { width: 6, rows: 10, rowsPerPage: 4, ids: [0, 3, 4, 7, 8, 9, -1, 5] }, // the last page is shorter
  { width: 6, rows: 12, rowsPerPage: 4, ids: [11, 0, -1, 8] },
  { width: 8, rows: 21, rowsPerPage: 6, stride: 3, offset: 2, ids: [0, 6, -1, 1, 4] },
  { width: 8, rows: 21, rowsPerPage: 6, stride: 3, offset: 0, ids: [6, 6, -1, 2] },
  { width: 2, rows: 600, rowsPerPage: 256, stride: 2, offset: 1, ids: [0, 127, 128, 255, 256, 299, -1] },
  { width: 64, rows: 5, rowsPerPage: 1, ids: [4, 3, 2, 1, 0] },
];

async function checkGathers({ backend, expectClose }: Trial, dtype: 'f32' | 'f16', gathers: readonly Gather[]) {
  const random = randomNumbers(31);
  await atEachOffset(backend, async (arrays) => {
    for (const gather of gathers) {
      const { width, rows, ids, rowsPerPage = rows, stride = 1, offset = 0, accumulate = false } = gather;
      const table = ndArray([rows, width], storedNumbers(random.normals(rows * width), dtype));
      const before = random.normals(ids.length * width);
      const out = accumulate ? arrays.floats([ids.length, width], before) : arrays.floats([ids.length, width]);
      backend.primitives.gatherRows({
        pages: pagesOf(arrays, dtype, table.data, width, rowsPerPage),
        rowsPerPage,
        ids: arrays.integers([ids.length], ids),
        stride,
        offset,
        width,
        accumulate,
        out,
      });
      const chosen = ids.map((id) => (id < 0 ? -1 : id * stride + offset));
      const expected = gatherRows(table, chosen).data.map((x, i) => x + (accumulate ? (before[i] as number) : 0));
      const operation = accumulate ? 'add' : 'gatherRows';
      expectClose(await arrays.read(out), expected, {
        operation,
        dtype: accumulate ? 'f32' : dtype,
        what: `gatherRows ${JSON.stringify({ ...gather, ids: ids.length })}`,
      });
      arrays.dispose();
    }
  });
}

function pagesOf(arrays: DeviceArrays, dtype: 'f32' | 'f16', data: Float64Array, width: number, rowsPerPage: number) {
  const pageSize = width * rowsPerPage;
  return Array.from({ length: Math.ceil(data.length / pageSize) }, (_, page) => {
    const numbers = data.subarray(page * pageSize, (page + 1) * pageSize);
    return arrays.numbers(dtype, [numbers.length / width, width], numbers);
  });
}

interface Scatter {
  readonly width: number;
  /** Rows of the result. */
  readonly rows: number;
  /** Of each row added. */
  readonly ids: readonly number[];
  /** Rows of the source, which come again and again. Default: one per id. */
  readonly sources?: number;
}

async function checkScatters({ backend, expectClose }: Trial, scatters: readonly Scatter[]): Promise<void> {
  const random = randomNumbers(32);
  await atEachOffset(backend, async (arrays) => {
    for (const { width, rows, ids, sources = ids.length } of scatters) {
      const source = ndArray([sources, width], random.normals(sources * width));
      const added = ndArray(
        [ids.length, width],
        Float64Array.from({ length: ids.length * width }, (_, i) => source.data[i % (sources * width)] as number),
      );
      const before = ndArray([rows, width], random.normals(rows * width));
      const named = [...new Set(ids)]; // in the order of their first appearance
      const order = named.flatMap((row) => [...ids.keys()].filter((i) => ids[i] === row));
      const starts = named.map((row) => order.findIndex((i) => ids[i] === row));
      const out = arrays.floats([rows, width], before.data);
      backend.primitives.scatterAddRows({
        source: arrays.floats(source.shape, source.data),
        rows: arrays.integers([named.length], named),
        starts: arrays.integers([named.length + 1], [...starts, ids.length]),
        order: arrays.integers(
          [ids.length],
          order.map((i) => i % sources),
        ),
        count: named.length,
        width,
        out,
      });
      expectClose(await arrays.read(out), scatterAddRows(before, ids, added).data, {
        operation: 'scatterAddRows',
        what: `${ids.length} rows of ${width} into ${rows}`,
      });
      arrays.dispose();
    }
  });
}

/** Ids below `rows`, −1 among them. */
function idsBelow(rows: number, count: number): number[] {
  return Array.from({ length: count }, (_, i) => (rows > 3 && i % 11 === 5 ? -1 : (i * 13) % rows));
}
