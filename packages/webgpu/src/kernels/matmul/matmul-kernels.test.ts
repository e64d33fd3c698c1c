/** Every kernel of matmul on any device, whatever it would be chosen for: layouts, dtypes, edges, splits. */

import { describe, expect, test, vi } from 'vitest';
import { relativeError } from '../../../test/compare-numbers.ts';
import { KernelTrial } from '../../../test/kernel-trial.ts';
import { type MatmulCase, placeProduct } from '../../../test/matmul-case.ts';
import { openDevice } from '../../device/open-device.ts';
import { matmul } from '../matmul.ts';
import { type Choice, flatTile, tiles } from './choose-kernel.ts';
import type { Tile } from './tiled.ts';

vi.setConfig({ testTimeout: 240_000 });

const { device } = await openDevice({ limits: 'default' });

const both = [false, true];
const smallTile = tiles.at(-1) as Tile;

async function check(choice: Choice, products: readonly MatmulCase[], leadingWords = 0): Promise<void> {
  const trial = new KernelTrial(device, { software: false, leadingWords });
  const placed = products.map((product) => ({ product, ...placeProduct(trial, product) }));
  for (const { args } of placed) matmul(trial.runner, args, () => choice);
  for (const { product, args, expected } of placed) {
    const error = relativeError(await trial.read(args.out), expected);
    expect(error, JSON.stringify(product)).toBeLessThan(1e-5);
  }
  await trial.dispose();
}

/** A kernel's variants: vectors and single elements of either operand. */
function sizesOf(rows: number): MatmulCase[] {
  return [
    { rows, columns: 72, inner: 48 },
    { rows, columns: 71, inner: 35, scale: -0.5, accumulate: true },
    { rows, columns: 36, inner: 33, batch: 2, repeatB: true },
    { rows, columns: 5, inner: 20, batch: 3, repeatA: true, accumulate: true },
  ];
}

const narrow = [16, 32, 48].flatMap((blockLength) => [
  { columns: 37, inner: 96, blockLength },
  { columns: 9, inner: 52, blockLength, scale: 2, accumulate: true },
  { columns: 5, inner: 96, blockLength, batch: 2 },
]);

/** Splits change parameters, not kernels, so that they cost little here. */
const splittings = [1, 3];

describe('a tile of 32 × 32', () => {
  const choices = splittings.map((splits): Choice => ({ kernel: 'tiled', tile: smallTile, splits }));
  for (const transposeA of both) {
    for (const transposeB of both) {
      test(`${transposeA ? 'aᵀ' : 'a'} · ${transposeB ? 'bᵀ' : 'b'}`, async () => {
        const products = [36, 21].flatMap((rows) => sizesOf(rows)).map((one) => ({ ...one, transposeA, transposeB }));
        for (const choice of choices) await check(choice, products);
      });
    }
  }
  test('f16', async () => {
    const products = both.flatMap((transposeB) =>
      sizesOf(20).map((one) => ({ ...one, transposeB, dtype: 'f16' as const })),
    );
    for (const choice of choices) await check(choice, products);
  });
  test('i8', async () => {
    const products = narrow.map((one) => ({ ...one, rows: 19, transposeB: true, dtype: 'i8' as const }));
    for (const choice of choices) await check(choice, products);
  });
});

test.each([...tiles.filter((tile) => tile !== smallTile), flatTile])('a tile of $rows × $columns', async (tile) => {
  const choice: Choice = { kernel: 'tiled', tile, splits: 1 };
  const { rows, columns } = tile;
  await check(choice, [
    { rows, columns, inner: 32 },
    { rows: rows + 4, columns: columns + 4, inner: 20, accumulate: true },
    { rows: 2 * rows, columns: 2 * columns, inner: 16, batch: 2 },
  ]);
  await check(choice, [{ rows: rows + 1, columns: 2 * columns - 1, inner: 17, transposeA: true, transposeB: true }], 3);
});

/** Without a repeated b, which would make more rows of the batch. */
function fewRows(rows: number): MatmulCase[] {
  return [
    { rows, columns: 72, inner: 48 },
    { rows, columns: 71, inner: 35, scale: -0.5, accumulate: true },
    { rows, columns: 5, inner: 20, batch: 3, repeatA: true, accumulate: true },
    { rows, columns: 3, inner: 1000, scale: 3 },
    { rows, columns: 130, inner: 513, batch: 2 },
    { rows, columns: 2, inner: 1, accumulate: true },
  ];
}

const variants = [
  { rows: 1, vectors: 2, columns: 4 },
  { rows: 2, vectors: 1, columns: 2 },
  { rows: 4, vectors: 2, columns: 1 },
  { rows: 8, vectors: 2, columns: 4 },
] as const;

for (const { rows, vectors, columns } of variants) {
  // All layouts and dtypes of one row and of four; for others the count of rows is what differs. One row has no aᵀ.
  const thorough = rows === 1 || rows === 4;
  const floats = [rows, Math.max(1, rows - 1)].flatMap(fewRows);
  const halves = fewRows(rows).map((one) => ({ ...one, dtype: 'f16' as const }));
  const bytes = narrow.map((one) => ({ ...one, rows, dtype: 'i8' as const }));
  const outer: Choice[] = [
    { kernel: 'registers-outer', shape: { rows, vectors } },
    ...splittings.map((splits) => ({ kernel: 'few-rows-outer', rows, splits }) as const),
  ];
  const dot: Choice[] = [
    { kernel: 'registers-dot', shape: { rows, columns } },
    ...splittings.map((splits) => ({ kernel: 'few-rows-dot', rows, splits }) as const),
  ];
  for (const transposeA of rows === 4 ? both : [false]) {
    const a = transposeA ? 'aᵀ' : 'a';
    for (const choice of outer) {
      test(`${JSON.stringify(choice)}: ${a} · b`, async () => {
        const products = (thorough ? [...floats, ...halves] : floats).map((one) => ({ ...one, transposeA }));
        await check(choice, products);
        await check(choice, products.slice(0, 1), 5);
      });
    }
    for (const choice of dot) {
      test(`${JSON.stringify(choice)}: ${a} · bᵀ`, async () => {
        const products = thorough ? [...floats, ...halves, ...bytes] : floats;
        const transposed = products.map((one) => ({ ...one, transposeA, transposeB: true }));
        await check(choice, transposed);
        await check(choice, transposed.slice(0, 1), 5);
      });
    }
  }
}
