/**
 * WGSL by which kernels read the rows of a context: from the entry of a view to the slots and rows it is made of, from
 * a row to its window and place (row-windows.ts), and from there to numbers, of f32 or f16 storage, one or four at a
 * time. What a kernel has to bind and be given for it comes from here too.
 */

import type { BindingDefinition } from '../../execution/kernel.ts';
import { elementsOf } from '../wgsl/elements.ts';
import type { RowLayout, RowPass } from './row-windows.ts';

/** What of a layout a kernel is made for. */
export type RowShape = {
  readonly lanes: 1 | 4;
  readonly half: boolean;
  /** Windows bound: 1 to 4. */
  readonly windows: number;
  /** Rows per slot. */
  readonly window: number;
  /** Slots come from `entries`; otherwise entry i is slot i. */
  readonly indexed: boolean;
  /** Scales come from `entries`. */
  readonly scaled: boolean;
  /** Pages are cut into pieces. */
  readonly cut: boolean;
  /** Every row asked for is present, in the one window: no choice when it is read. */
  readonly direct: boolean;
};

const windowNames = ['rows0', 'rows1', 'rows2', 'rows3'] as const;

export const rowParams = {
  rows_per_page: 'u32',
  rows_per_piece: 'u32',
  pieces_per_page: 'u32',
  first_piece: 'u32',
  kv_heads: 'u32',
  head_size: 'u32', // C in elements
  first_entry: 'u32', // of the view, that the block's entry 0 is
  ahead: 'u32', // slots in `entries` before that of the block's entry 0
  scales_from: 'u32', // where in `entries` the scales begin
} as const;

/** The names of the bindings that `rowReading` uses, for a kernel's `names`. */
export type RowNames = Readonly<Record<string, string>>;

export function rowBindings({ half, lanes, windows, indexed, scaled }: RowShape): Record<string, BindingDefinition> {
  const element = half ? 'u32' : elementsOf(lanes === 4).type;
  return {
    table: { access: 'inline', element: 'u32' },
    ...((indexed || scaled) && { entries: { access: 'read', element: 'u32' } }),
    ...Object.fromEntries(windowNames.slice(0, windows).map((name) => [name, { access: 'read', element }])),
  };
}

/** Values of `rowParams` and of the windows' bindings and the table, for one dispatch of one window or `most`. */
export function rowArguments(layout: RowLayout, pass: RowPass, most: number) {
  const [first] = pass.windows;
  const bound =
    pass.windows.length === 1 ? pass.windows : Array.from({ length: most }, (_, i) => pass.windows[i] ?? first);
  return {
    params: {
      rows_per_page: layout.rowsPerPage,
      rows_per_piece: layout.rowsPerPiece,
      pieces_per_page: layout.piecesPerPage,
      first_piece: pass.firstPiece,
    },
    bindings: {
      table: pass.table,
      ...Object.fromEntries(bound.map((window, place) => [windowNames[place] as string, window])),
    },
  };
}

/**
 * Functions. `entry` is relative to the block, `g` a key head, `c` counts elements (numbers or vectors) of a head:
 *
 *     fn placesOf(entry, g) -> Places       where its w rows are: window and place, or absentWindow
 *     fn rowNumbers(place, c) -> element    zeros where absent
 *     fn scaleAt(entry) -> f32
 */
export function rowReading(shape: RowShape, names: RowNames): string {
  const { lanes, half, windows, window, indexed, scaled, cut, direct } = shape;
  const { type } = elementsOf(lanes === 4);
  const perElement = half ? 1 : lanes; // places count halves, or elements
  const present = windowNames.slice(0, windows);
  const choose = (what: (name: string) => string, otherwise: string) =>
    direct
      ? `  return ${what('rows0')};`
      : `
  switch place.x {
${present.map((name, number) => `    case ${number}u: { return ${what(name)}; }`).join('\n')}
    default: { return ${otherwise}; }
  }`;
  const page = cut
    ? `let page = row / params.rows_per_page;
  let within_page = row - page * params.rows_per_page;
  let part = within_page / params.rows_per_piece;
  let piece = page * params.pieces_per_page + part;
  let within = within_page - part * params.rows_per_piece;`
    : `let piece = row / params.rows_per_page;
  let within = row - piece * params.rows_per_page;`;
  const slot = indexed
    ? `let slot = bitcast<i32>(${names.entries}[params.entries_at + params.ahead + entry - offset]);
  if (slot < 0) { return vec2<u32>(absentWindow, 0u); }`
    : `let slot = i32(params.first_entry + entry) - i32(offset);
  if (slot < 0) { return vec2<u32>(absentWindow, 0u); }`;
  return `
const absentWindow = 4u;
alias Places = array<vec2<u32>, ${window}>;

fn windowStart(place: vec2<u32>) -> u32 {
${choose((name) => `params.${name}_at${half ? ' * 2u' : ''}`, '0u')}
}

fn placeOf(entry: u32, offset: u32, g: u32) -> vec2<u32> {
  ${slot}
  let row = u32(slot) * ${window}u + offset;
  ${page}
  let word = ${names.table}[piece - params.first_piece];
  if (word == 0xffffffffu) { return vec2<u32>(absentWindow, 0u); }
  let start = (word & 0x3fffffffu)${half ? ' * 2u' : perElement === 4 ? ' / 4u' : ''};
  let window = word >> 30u;
  return vec2<u32>(window, windowStart(vec2<u32>(window, 0u)) + start + (within * params.kv_heads + g) * params.head_size${half && lanes === 4 ? ' * 4u' : ''});
}

${half ? halfReaders(present, lanes, names, type) : ''}
fn rowNumbers(place: vec2<u32>, c: u32) -> ${type} {
${choose(
  (name) => (half ? `${name}_numbers(place.y + c${lanes === 4 ? ' * 4u' : ''})` : `${names[name]}[place.y + c]`),
  `${type}(0.0)`,
)}
}

fn placesOf(entry: u32, g: u32) -> Places {
  ${
    window === 1
      ? 'return Places(placeOf(entry, 0u, g));'
      : `var places: Places;
  for (var offset = 0u; offset < ${window}u; offset++) { places[offset] = placeOf(entry, offset, g); }
  return places;`
  }
}

fn scaleAt(entry: u32) -> f32 {
  return ${scaled ? `bitcast<f32>(${names.entries}[params.entries_at + params.scales_from + entry])` : '1.0'};
}`;
}

/** Statements that declare `into`, the sum of the elements `c` of the rows at the variable `places`. */
export function readNumbers({ window, lanes }: RowShape, into: string, c: string): string {
  if (window === 1) return `let ${into} = rowNumbers(places[0], ${c});`;
  return `var ${into} = ${elementsOf(lanes === 4).type}(0.0);
      for (var offset = 0u; offset < ${window}u; offset++) { ${into} += rowNumbers(places[offset], ${c}); }`;
}

/** Numbers from the half at `at` of a window: with four at a time, it begins a word. */
function halfReaders(present: readonly string[], lanes: 1 | 4, names: RowNames, type: string): string {
  return present
    .map((name) => {
      const array = names[name];
      return lanes === 4
        ? `fn ${name}_numbers(at: u32) -> ${type} {
  return vec4<f32>(unpack2x16float(${array}[at >> 1u]), unpack2x16float(${array}[(at >> 1u) + 1u]));
}`
        : `fn ${name}_numbers(at: u32) -> ${type} { return unpack2x16float(${array}[at >> 1u])[at & 1u]; }`;
    })
    .join('\n');
}
