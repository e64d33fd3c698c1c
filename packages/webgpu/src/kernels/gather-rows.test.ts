import {
  type BlockScaledArray,
  blocksPerRow,
  bytesPerElement,
  decodeFloat16,
  dequantizeBlocks,
  encodeFloat16,
  quantizeBlocks,
  type TensorView,
} from '@inattention/core';
import { expect, test, vi } from 'vitest';
import { numbers } from '../../test/compare-numbers.ts';
import { type KernelTrial, trialsOf } from '../../test/kernel-trial.ts';
import { placeBlocks, placeHalfBits } from '../../test/stored-arrays.ts';
import { openDevice } from '../device/open-device.ts';
import { gatherRows } from './gather-rows.ts';

vi.setConfig({ testTimeout: 120_000 });

const { device } = await openDevice({ limits: 'default' });

type Stored = 'f32' | 'f16' | 'i8';

/** Pages of rows [rowsPerPage, width], and the numbers that they hold. */
function tableOf(trial: KernelTrial, dtype: Stored, rows: number, width: number, rowsPerPage: number) {
  const pages: TensorView[] = [];
  const values: number[] = [];
  for (let first = 0; first < rows; first += rowsPerPage) {
    const shape = [Math.min(rowsPerPage, rows - first), width];
    const x = numbers((shape[0] as number) * width, first + 1);
    if (dtype === 'f32') {
      pages.push(trial.floats(shape, x));
      for (const value of x) values.push(value);
    } else if (dtype === 'f16') {
      const bits = encodeFloat16(x);
      pages.push(placeHalfBits(trial, shape, bits));
      for (const value of decodeFloat16(bits)) values.push(value);
    } else {
      const blocks: BlockScaledArray = quantizeBlocks(x, shape, { blockLength: 16 });
      pages.push(placeBlocks(trial, blocks));
      for (const value of dequantizeBlocks(blocks)) values.push(value);
    }
  }
  return { pages, values };
}

interface Case {
  readonly width: number;
  readonly rows: number;
  /** Default: one page. */
  readonly rowsPerPage?: number;
  readonly stride?: number;
  readonly offset?: number;
  readonly ids: readonly number[];
}

const spread = (count: number, below: number) =>
  Array.from({ length: count }, (_, i) => (i % 7 === 3 ? -1 : (i * 131) % below));

/** The short bindings of the trials hold 16,320 words. */
const cases: readonly Case[] = [
  { width: 4, rows: 3, ids: [2, 0, -1] },
  { width: 20, rows: 30, ids: [29, -1, 0, 7, 7] },
  { width: 64, rows: 300, ids: spread(40, 300) }, // longer than a short binding
  { width: 64, rows: 1500, ids: spread(40, 1500) },
  { width: 40, rows: 1700, ids: spread(900, 1700) }, // so is the result
  { width: 40, rows: 300, rowsPerPage: 7, ids: spread(100, 300) }, // pages in buffers of their own
  { width: 40, rows: 301, rowsPerPage: 50, stride: 3, offset: 2, ids: spread(50, 99) },
  { width: 64, rows: 1500, rowsPerPage: 700, ids: spread(50, 1500) },
  { width: 8, rows: 300, rowsPerPage: 1, ids: spread(60, 300) },
  { width: 8, rows: 4, ids: [-1, -1, -1] },
];

for (const dtype of ['f32', 'f16', 'i8'] as const) {
  const odd: readonly Case[] = [1, 3, 6, 7, 33].map((width) => ({
    width,
    rows: 900,
    rowsPerPage: 300,
    ids: spread(60, 900),
  }));
  const long: Case = { width: 33, rows: 1300, ids: spread(60, 1300) };
  const chosen = dtype === 'i8' ? cases : [...cases, ...odd, long];
  test.each(trialsOf(device))(`${dtype}: $name`, async ({ create }) => {
    const trial = create();
    for (const { width, rows, rowsPerPage = rows, stride = 1, offset = 0, ids } of chosen) {
      const { pages, values } = tableOf(trial, dtype, rows, width, rowsPerPage);
      const before = numbers(ids.length * width, 11);
      const numberAt = (i: number, k: number) => {
        const id = ids[i] as number;
        return id < 0 ? 0 : (values[(id * stride + offset) * width + k] as number);
      };
      for (const accumulate of [false, true]) {
        const out = accumulate ? trial.floats([ids.length, width], before) : trial.floats([ids.length, width]);
        const places = trial.integers([ids.length], ids);
        gatherRows(trial.runner, { pages, rowsPerPage, ids: places, stride, offset, width, accumulate, out });
        const got = await trial.read(out);
        const expected = Float32Array.from(got, (_, place) => {
          const value = numberAt(Math.floor(place / width), place % width);
          return accumulate ? Math.fround(value + (before[place] as number)) : value;
        });
        const wrong = expected.findIndex((value, place) => value !== got[place]);
        expect(wrong, `width ${width}, ${rows} rows: ${got[wrong]} for ${expected[wrong]}`).toBe(-1);
      }
    }
    await trial.dispose();
  });
}

/** Page p of a table whose pages lie in one buffer in another order; all of `stored` pages, in their order there. */
function pageOf(stored: TensorView, place: number, rowsPerPage: number, width: number): TensorView {
  const bytes = rowsPerPage * width * bytesPerElement[stored.dtype];
  const view = { ...stored, byteOffset: stored.byteOffset + place * bytes, shape: [rowsPerPage, width] };
  const { blocks } = stored;
  if (blocks === undefined) return view;
  const perRow = blocksPerRow(width, blocks.blockLength);
  return { ...view, blocks: { ...blocks, scales: pageOf(blocks.scales, place, rowsPerPage, perRow) } };
}

const pageOrder = (pages: number) => Array.from({ length: pages }, (_, page) => (page * 5 + 3) % pages);

test.each(trialsOf(device))(
  'pages of one buffer, out of order, some longer than a window: $name',
  async ({ create }) => {
    const trial = create();
    for (const dtype of ['f32', 'f16', 'i8'] as const) {
      for (const [pages, rowsPerPage, width] of [
        [8, 2, 4],
        [13, 4, 20],
        [64, 16, 64],
        [31, 40, 52],
        [9, 300, 64],
      ] as const) {
        const { pages: stored, values } = tableOf(trial, dtype, pages * rowsPerPage, width, pages * rowsPerPage);
        const order = pageOrder(pages);
        const views = order.map((place) => pageOf(stored[0] as TensorView, place, rowsPerPage, width));
        const ids = spread(100, pages * rowsPerPage);
        const out = trial.floats([ids.length, width]);
        gatherRows(trial.runner, {
          pages: views,
          rowsPerPage,
          ids: trial.integers([ids.length], ids),
          stride: 1,
          offset: 0,
          width,
          accumulate: false,
          out,
        });
        const expected = ids.flatMap((id) => {
          const row = (order[Math.floor(id / rowsPerPage)] ?? 0) * rowsPerPage + (id % rowsPerPage);
          return id < 0 ? Array<number>(width).fill(0) : values.slice(row * width, (row + 1) * width);
        });
        expect([...(await trial.read(out))], `${dtype}, ${pages} pages`).toEqual(expected);
      }
    }
    await trial.dispose();
  },
);

test.each(trialsOf(device))('bits are kept: subnormal, infinite, NaN: $name', async ({ create }) => {
  const trial = create();
  const halves = Uint16Array.from([1, 0x3ff, 0x8001, 0x8000, 0x7c00, 0xfc00, 0x7e01, 0x7bff]);
  const words = Uint32Array.from([1, 0x7fffff, 0x80000001, 0x80000000, 0x7f800000, 0xff800000, 0x7fc00001, 0x7f7fffff]);
  for (const width of [8, 4, 2, 1]) {
    const rows = 8 / width;
    const ids = trial.integers([rows], [...Array(rows).keys()]);
    for (const [page, expected] of [
      [placeHalfBits(trial, [rows, width], halves), new Uint32Array(decodeFloat16(halves).buffer)],
      [trial.floats([rows, width], new Float32Array(words.buffer)), words],
    ] as const) {
      const out = trial.floats([rows, width]);
      gatherRows(trial.runner, {
        pages: [page],
        rowsPerPage: rows,
        ids,
        stride: 1,
        offset: 0,
        width,
        accumulate: false,
        out,
      });
      const { buffer, byteOffset, length } = await trial.read(out);
      expect([...new Uint32Array(buffer, byteOffset, length)]).toEqual([...expected]);
    }
  }
  await trial.dispose();
});
