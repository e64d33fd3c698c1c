/**
 * gatherRows: out[i] = row (ids[i] · stride + offset) of a table in pages, f32 [n, width]; zeros where ids[i] < 0; f16
 * widened exactly, i8 times its block's scale; or added to out.
 *
 * Pages may lie in several GPUBuffers, and a table may be longer than a binding: it is cut into sections that each lie
 * within one binding (table-sections.ts), with the places of their pages as inline words. One dispatch per section (and
 * piece of out): it handles the ids whose rows it has, the first one also the ids < 0, so each row is written once.
 *
 * Geometry: an invocation per word of a row, or per vector of four where views and width allow, in a 1-D grid; lanes next to each
 * other read and write next to each other. Roofline: one read of the row, one write. All bindings are words: f32 rows
 * are moved as bits.
 */

import { type GatherRowsArguments, sizeOf, type TensorView } from '@inattention/core';
import { type BindingDefinition, defineKernel, kernelFamily } from '../execution/kernel.ts';
import { gridOf, type KernelRunner } from '../execution/kernel-runner.ts';
import { elementsPerPiece, sliceOf } from './pieces.ts';
import { type TableSection, tableSections } from './table-sections.ts';
import { canUseVectors } from './wgsl/elements.ts';
import { halfToFloatBits, unpackedHalves } from './wgsl/half.ts';

const size = 64;

/** How an invocation reads its part of a row, and what it writes: `values` stores of `out`. */
interface Reading {
  readonly table: 'u32' | 'vec4<u32>';
  readonly out: 'u32' | 'vec4<u32>';
  /** Elements of the row. */
  readonly elements: number;
  readonly values: number;
  readonly scaled?: true;
  readonly declarations?: string;
  /** Statements that make `value0` … of part k of the row that begins at `at`. */
  readonly load: (table: string, scales: string) => string;
}

const scaledWord = (table: string, scales: string): string => `
  let word = bitcast<i32>(${table}[at + k]);
  let scale = bitcast<f32>(${scales}[scale_at + (4u * k) / params.block_length]);
  let integers = (vec4<i32>(word) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u);
  let products = bitcast<vec4<u32>>(scale * vec4<f32>(integers));`;

const readings = {
  f32: { table: 'u32', out: 'u32', elements: 1, values: 1, load: (table) => `let value0 = ${table}[at + k];` },
  'f32 in fours': {
    table: 'vec4<u32>',
    out: 'vec4<u32>',
    elements: 4,
    values: 1,
    load: (table) => `let value0 = ${table}[at + k];`,
  },
  // Rows of an odd width begin within a word.
  f16: {
    table: 'u32',
    out: 'u32',
    elements: 1,
    values: 1,
    declarations: halfToFloatBits('u32'),
    load: (table) => `
  let element = row_in_page * params.width + k;
  let value0 = half_to_float_bits(${table}[page_at + element / 2u] >> (16u * (element % 2u)));`,
  },
  'f16 in pairs': {
    table: 'u32',
    out: 'u32',
    elements: 2,
    values: 2,
    declarations: halfToFloatBits('u32'),
    load: (table) => `
  let word = ${table}[at + k];
  let value0 = half_to_float_bits(word);
  let value1 = half_to_float_bits(word >> 16u);`,
  },
  'f16 in eights': {
    table: 'vec4<u32>',
    out: 'vec4<u32>',
    elements: 8,
    values: 2,
    declarations: halfToFloatBits('vec4<u32>'),
    load: (table) => `
  let words = ${table}[at + k];
  let value0 = half_to_float_bits(${unpackedHalves('words.xy')});
  let value1 = half_to_float_bits(${unpackedHalves('words.zw')});`,
  },
  i8: {
    table: 'u32',
    out: 'u32',
    elements: 4,
    values: 4,
    scaled: true,
    load: (table, scales) =>
      scaledWord(table, scales) + [0, 1, 2, 3].map((n) => `\n  let value${n} = products[${n}];`).join(''),
  },
  'i8 in fours': {
    table: 'u32',
    out: 'vec4<u32>',
    elements: 4,
    values: 1,
    scaled: true,
    load: (table, scales) => `${scaledWord(table, scales)}\n  let value0 = products;`,
  },
} as const satisfies Readonly<Record<string, Reading>>;

type ReadingName = keyof typeof readings;

const gatherKernel = kernelFamily((name: ReadingName, paged: boolean, accumulate: boolean) => {
  const { table: type, out: outType, values, scaled, declarations = '', load }: Reading = readings[name];
  const float = outType.replace('u32', 'f32');
  const words = { access: 'read', element: 'u32' } as const;
  const bindings: Record<string, BindingDefinition> = {
    table: { access: 'read', element: type },
    ids: words,
    out: { access: 'write', element: outType },
  };
  if (scaled) bindings.scales = words;
  if (paged) bindings.pages = { access: 'inline', element: 'u32' };
  const eachValue = (statement: (value: string, place: (out: string) => string) => string) =>
    Array.from({ length: values }, (_, n) => statement(`value${n}`, (out) => `${out}[out_at + ${n}u]`)).join('\n  ');
  return defineKernel({
    name: 'gather-rows',
    variant: `${name}${paged ? ', pages' : ''}${accumulate ? ', accumulate' : ''}`,
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
    declarations,
    main: ({ table = '', ids, out = '', scales = '', pages }) => `
  if (index >= params.count) { return; }
  let k = index % params.units;
  let id = bitcast<i32>(${ids}[params.ids_at + index / params.units]);
  let out_at = params.out_at + ${values}u * index;
  if (id < 0) {
    if (params.zero == 0u) { return; }
  ${eachValue((_, place) => `${place(out)} = ${outType}(0u);`)}
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
  ${load(table, scales)}
  ${eachValue((value, place) =>
    accumulate
      ? `${place(out)} = bitcast<${outType}>(bitcast<${float}>(${place(out)}) + bitcast<${float}>(${value}));`
      : `${place(out)} = ${value};`,
  )}`,
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
  reading: ReadingName,
  { ids, out }: { readonly ids: TensorView; readonly out: TensorView },
  zero: boolean,
): void {
  const { table, scales, places, firstRow, rows, rowsPerPage } = section;
  const units = width / readings[reading].elements;
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

function readingOf(
  runner: KernelRunner,
  { dtype }: TensorView,
  { pages, width, out }: GatherRowsArguments,
): ReadingName {
  const fours = canUseVectors(runner, width, out);
  if (dtype === 'i8') return fours ? 'i8 in fours' : 'i8';
  const aligned = fours && pages.every((page) => runner.aligned(page));
  if (dtype === 'f32') return aligned ? 'f32 in fours' : 'f32';
  if (aligned && width % 8 === 0) return 'f16 in eights';
  return width % 2 === 0 ? 'f16 in pairs' : 'f16';
}

/** Where pages begin, in elements of the table's binding; of i8, where their scales do too. */
function wordsOfPlaces(places: TableSection['places'], reading: ReadingName): Uint32Array {
  const { table, scaled }: Reading = readings[reading];
  const unit = table === 'u32' ? 1 : 4;
  return Uint32Array.from(
    places.flatMap((place) => {
      const at = place === null ? 0xffff_ffff : place.table / unit;
      return scaled ? [at, place?.scales ?? 0] : [at];
    }),
  );
}
