/**
 * gatherRows: out[i] = row (ids[i] · stride + offset) of a table in pages, f32 [n, width]; zeros where ids[i] < 0; f16
 * widened exactly, i8 times its block's scale; or added to out.
 *
 * Pages may lie in several GPUBuffers, and a table may be longer than a binding: it is cut into sections that each lie
 * within one binding (table-sections.ts), with the places of their pages as inline words. One dispatch per section (and
 * piece of out): it handles the ids whose rows it has, the first one also the ids < 0, so each row is written once.
 *
 * Geometry: an invocation per word of four bytes of a row, or per vector of four f32, in a 1-D grid; lanes next to each
 * other read and write next to each other. Roofline: one read of the row, one write. All bindings are words: f32 rows
 * are moved as bits.
 */

import { type GatherRowsArguments, sizeOf, type TensorView } from '@inattention/core';
import { type BindingDefinition, defineKernel, kernelFamily } from '../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../execution/kernel-runner.ts';
import { elementsPerPiece, sliceOf } from './pieces.ts';
import { type TableSection, tableSections } from './table-sections.ts';
import { canUseVectors } from './wgsl/elements.ts';
import { halfToFloatBits } from './wgsl/half.ts';

/** How a row is read: f32 one or four at a time, f16 one or two, i8 four at a time. */
type Reading = 'f32' | 'vec4<f32>' | 'f16' | 'pair of f16' | 'i8';

const size = 64;

const elementsOf: Readonly<Record<Reading, number>> = { f32: 1, 'vec4<f32>': 4, f16: 1, 'pair of f16': 2, i8: 4 };

/** Statements that make `value0` … from unit k of the row that begins at `at`, in words; `scale_at`: its scales. */
function load(reading: Reading, table: string, scales: string): string {
  switch (reading) {
    case 'f32':
    case 'vec4<f32>':
      return `let value0 = ${table}[at + k];`;
    case 'f16':
      return `
  let element = row_in_page * params.width + k;
  let value0 = half_to_float_bits(${table}[page_at + element / 2u] >> (16u * (element % 2u)));`;
    case 'pair of f16':
      return `
  let word = ${table}[at + k];
  let value0 = half_to_float_bits(word);
  let value1 = half_to_float_bits(word >> 16u);`;
    case 'i8':
      return `
  let word = bitcast<i32>(${table}[at + k]);
  let scale = bitcast<f32>(${scales}[scale_at + (4u * k) / params.block_length]);
  ${[0, 1, 2, 3].map((n) => `let value${n} = bitcast<u32>(scale * f32(extractBits(word, ${8 * n}u, 8u)));`).join('\n  ')}`;
  }
}

const gatherKernel = kernelFamily((reading: Reading, paged: boolean, accumulate: boolean) => {
  const vector = reading === 'vec4<f32>';
  const type = vector ? 'vec4<u32>' : 'u32';
  const float = vector ? 'vec4<f32>' : 'f32';
  const scaled = reading === 'i8';
  const stored = reading === 'pair of f16' ? 2 : scaled ? 4 : 1;
  const words = { access: 'read', element: 'u32' } as const;
  const bindings: Record<string, BindingDefinition> = {
    table: { access: 'read', element: type },
    ids: words,
    out: { access: 'write', element: type },
  };
  if (scaled) bindings.scales = words;
  if (paged) bindings.pages = { access: 'inline', element: 'u32' };
  return defineKernel({
    name: 'gather-rows',
    variant: `${reading}${paged ? ', pages' : ''}${accumulate ? ', accumulate' : ''}`,
    params: {
      count: 'u32', // invocations
      units: 'u32', // invocations per row
      width: 'u32', // elements of a row
      stride: 'u32',
      offset: 'u32',
      first_row: 'u32',
      rows: 'u32', // rows of the section
      rows_per_page: 'u32',
      block_length: 'u32',
      blocks: 'u32', // per row
      zero: 'u32', // 1: ids below 0 are this dispatch's
    },
    bindings,
    workgroupSize: [size, 1, 1],
    declarations: reading === 'f16' || reading === 'pair of f16' ? halfToFloatBits : '',
    main: ({ table = '', ids, out, scales = '', pages }) => `
  if (index >= params.count) { return; }
  let i = index / params.units;
  let k = index % params.units;
  let id = bitcast<i32>(${ids}[params.ids_at + i]);
  let out_at = params.out_at + ${stored}u * index;
  if (id < 0) {
    if (params.zero == 1u) {
${Array.from({ length: stored }, (_, n) => `      ${out}[out_at + ${n}u] = ${type}(0u);`).join('\n')}
    }
    return;
  }
  let row = u32(id) * params.stride + params.offset - params.first_row;
  if (row >= params.rows) { return; }
  let row_in_page = row % params.rows_per_page;
${
  paged
    ? `  let page = row / params.rows_per_page;
  let page_place = ${pages}[${scaled ? '2u * page' : 'page'}];
  if (page_place == 0xffffffffu) { return; } // a page of another section
  let page_at = params.table_at + page_place;`
    : '  let page_at = params.table_at;'
}
  let at = page_at + row_in_page * params.units;
${scaled ? `  let scale_at = params.scales_at + ${paged ? `${pages}[2u * page + 1u]` : '0u'} + row_in_page * params.blocks;` : ''}
  ${load(reading, table, scales)}
${Array.from({ length: stored }, (_, n) => {
  const place = `${out}[out_at + ${n}u]`;
  return accumulate
    ? `  ${place} = bitcast<${type}>(bitcast<${float}>(${place}) + bitcast<${float}>(value${n}));`
    : `  ${place} = value${n};`;
}).join('\n')}`,
  });
});

export function gatherRows(runner: KernelRunner, args: GatherRowsArguments): void {
  const { pages, width, out } = args;
  const [page] = pages;
  if (page === undefined) return;
  const reading = readingOf(runner, page, args);
  const rowsPerPiece = Math.max(1, Math.floor(elementsPerPiece(runner, 4) / width));
  const count = sizeOf(out.shape) / width;
  tableSections(runner, args).forEach((section, number) => {
    for (let start = 0; start < count; start += rowsPerPiece) {
      const rows = Math.min(rowsPerPiece, count - start);
      const piece = { ids: sliceOf(args.ids, start, rows), out: sliceOf(out, start * width, rows * width) };
      gatherSection(runner, args, section, reading, piece, number === 0 && !args.accumulate);
    }
  });
}

function gatherSection(
  runner: KernelRunner,
  { width, stride, offset, accumulate, pages }: GatherRowsArguments,
  section: TableSection,
  reading: Reading,
  { ids, out }: { readonly ids: TensorView; readonly out: TensorView },
  zero: boolean,
): void {
  const { table, scales, places, firstRow, rows, rowsPerPage } = section;
  const units = width / elementsOf[reading];
  const count = sizeOf(ids.shape) * units;
  const { blockLength = 1 } = pages[0]?.blocks ?? {};
  const paged = places.length > 1;
  const bindings: Record<string, TensorView | Uint32Array> = { table, ids, out };
  if (scales !== null) bindings.scales = scales;
  if (paged) bindings.pages = wordsOfPlaces(places, reading);
  runner.run(gatherKernel(reading, paged, accumulate), {
    bindings,
    params: {
      count,
      units,
      width,
      stride,
      offset,
      first_row: firstRow,
      rows,
      rows_per_page: rowsPerPage,
      block_length: blockLength,
      blocks: Math.ceil(width / blockLength),
      zero: zero ? 1 : 0,
    },
    workgroups: gridOf(count, size),
    bytes: 8 * sizeOf(out.shape),
  });
}

function readingOf(runner: KernelRunner, { dtype }: TensorView, { pages, width, out }: GatherRowsArguments): Reading {
  if (dtype === 'i8') return 'i8';
  if (dtype === 'f16') return width % 2 === 0 ? 'pair of f16' : 'f16';
  return canUseVectors(runner, width, out, ...pages) ? 'vec4<f32>' : 'f32';
}

/** Where pages begin, in elements of the table's binding; of i8, where their scales do too. */
function wordsOfPlaces(places: TableSection['places'], reading: Reading): Uint32Array {
  const unit = reading === 'vec4<f32>' ? 4 : 1;
  return Uint32Array.from(
    places.flatMap((place) => {
      const at = place === null ? 0xffff_ffff : place.table / unit;
      return reading === 'i8' ? [at, place?.scales ?? 0] : [at];
    }),
  );
}
