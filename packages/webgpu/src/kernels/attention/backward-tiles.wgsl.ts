/** The texts of backward-tiles.ts. */

import type { Shader } from '../../execution/kernel.ts';
import { invocations, tileSize, wide } from './backward-access.ts';
import { adder, loader, weightOf } from './backward-access.wgsl.ts';

const tileRows = [0, 1, 2, 3] as const;
const tileColumns = [0, 1] as const;
const workgroupMemory = `
var<workgroup> chunk: array<vec4<f32>, ${tileSize * wide}>;
var<workgroup> tile: array<f32, ${tileSize * tileSize}>;`;

const eachPair = (text: (r: number, e: number) => string) =>
  tileRows.flatMap((r) => tileColumns.map((e) => text(r, e))).join('\n  ');
const eachRow = (text: (r: number) => string) => tileRows.map(text).join('\n  ');

/**
 * Defines p00 … p31 (weights) and d00 … d31 (gradients of scores) of query tx + 8r and entry ty + 16e of the tile at
 * first_query, first_entry, from vectors of head `h` and key head `g`.
 */
const scores = `
  ${eachPair((r, e) => `var s${r}${e} = 0.0; var t${r}${e} = 0.0;`)}
  for (var begin = 0u; begin < params.vectors; begin += 4u) {
    let v = begin + lane % 4u;
    let line = lane / 4u;
    let place = (lane % 4u) * 32u + line;
    workgroupBarrier();
    chunk[place] = query_of(first_query + line, h, v);
    chunk[128u + place] = grad_of(first_query + line, h, v);
    chunk[256u + place] = key_of(first_entry + line, g, v);
    chunk[384u + place] = value_of(first_entry + line, g, v);
    workgroupBarrier();
    for (var k = 0u; k < 128u; k += 32u) {
      ${eachRow((r) => `let q${r} = chunk[k + tx + ${8 * r}u]; let g${r} = chunk[128u + k + tx + ${8 * r}u];`)}
      ${tileColumns.map((e) => `let k${e} = chunk[256u + k + ty + ${16 * e}u]; let v${e} = chunk[384u + k + ty + ${16 * e}u];`).join('\n      ')}
      ${eachPair((r, e) => `s${r}${e} += dot(q${r}, k${e}); t${r}${e} += dot(g${r}, v${e});`)}
    }
  }
  ${eachRow((r) => `let record${r} = record_of(first_query + tx + ${8 * r}u, h);`)}
  ${eachPair(
    (r, e) => `let p${r}${e} = weight_of(record${r}, s${r}${e}, first_entry + ty + ${16 * e}u);
  let d${r}${e} = p${r}${e} * (t${r}${e} - bitcast<f32>(record${r}.y));`,
  )}`;

/** Adds to NAME0 … the tile's columns times the rows that `row` names, in passes of 64 channels. */
function addRows(name: string, passes: number, row: string): string {
  return upTo(passes)
    .map(
      (pass) => `
    workgroupBarrier();
    for (var place = lane; place < ${tileSize * wide}u; place += ${invocations}u) {
      let line = place / ${wide}u;
      let v = ${pass * wide}u + place % ${wide}u;
      chunk[place] = ${row};
    }
    workgroupBarrier();
    for (var line = 0u; line < ${tileSize}u; line += 1u) {
      let weight = tile[line * ${tileSize}u + own];
      let place = line * ${wide}u + part * 4u;
      ${[0, 1, 2, 3].map((j) => `${name}${pass * 4 + j} += weight * chunk[place + ${j}u];`).join('\n      ')}
    }`,
    )
    .join('\n');
}

const upTo = (passes: number) => Array.from({ length: passes }, (_, pass) => pass);

const sums = (name: string, passes: number) =>
  upTo(passes)
    .flatMap((pass) => [0, 1, 2, 3].map((j) => `var ${name}${pass * 4 + j} = vec4<f32>(0.0);`))
    .join('\n  ');

/** `text` for each sum of an invocation, where `v` is its vector, left out beyond the last. */
const eachSum = (passes: number, text: (place: number) => string) =>
  upTo(passes)
    .flatMap((pass) =>
      [0, 1, 2, 3].map((j) => {
        const v = `let v = ${pass * wide + j}u + part * 4u;`;
        return `{ ${v} if (v < params.vectors) { ${text(pass * 4 + j)} } }`;
      }),
    )
    .join('\n    ');

function access(names: Readonly<Record<string, string>>, aligned: boolean): string {
  const { queries, grad, keys, values, records } = names as Readonly<
    Record<'queries' | 'grad' | 'keys' | 'values' | 'records', string>
  >;
  const guarded = (name: string, of: string, count: string, heads: string) => `
fn ${of}(line: u32, head: u32, v: u32) -> vec4<f32> {
  if (line >= params.${count} || v >= params.vectors) { return vec4<f32>(0.0); }
  return load_${name}(line * params.${heads} + head, v);
}`;
  return `
${workgroupMemory}
${loader('queries', queries, aligned)}
${loader('grad', grad, aligned)}
${loader('keys', keys, aligned)}
${loader('values', values, aligned)}
${guarded('queries', 'query_of', 'queries', 'heads')}
${guarded('grad', 'grad_of', 'queries', 'heads')}
${guarded('keys', 'key_of', 'entries', 'kv_heads')}
${guarded('values', 'value_of', 'entries', 'kv_heads')}
${weightOf}
// A query beyond the last stands before all entries: it sees none.
fn record_of(line: u32, head: u32) -> vec4<u32> {
  if (line >= params.queries) { return vec4<u32>(0u, 0u, 0u, bitcast<u32>(params.first_position - 1)); }
  return ${records}[params.records_at + line * params.heads + head];
}
// Entries of the block that some query of the tile sees, counted from the first.
fn seen_by_tile(first_query: u32) -> u32 {
  var last = params.first_position - 1;
  for (var line = first_query; line < min(params.queries, first_query + ${tileSize}u); line += 1u) {
    last = max(last, bitcast<i32>(${records}[params.records_at + line * params.heads].w));
  }
  return min(params.entries, u32(last - params.first_position + 1));
}`;
}

const places = `
  let tx = lane % 8u;
  let ty = lane / 8u;
  let own = lane % ${tileSize}u;
  let part = lane / ${tileSize}u;`;

type Reads = 'queries' | 'grad' | 'keys' | 'values' | 'records';

export function queryTile(aligned: boolean, passes: number): Shader<Reads | 'grad_queries'> {
  return {
    declarations: (names) => `${access(names, aligned)}\n${adder('grad_queries', names.grad_queries, aligned)}`,
    main: () => `${places}
  let h = group.y;
  let g = h / (params.heads / params.kv_heads);
  let first_query = group.x * ${tileSize}u;
  let seen = seen_by_tile(first_query);
  ${sums('sum', passes)}
  for (var first_entry = 0u; first_entry < seen; first_entry += ${tileSize}u) {
    ${scores}
    ${eachPair((r, e) => `tile[(ty + ${16 * e}u) * ${tileSize}u + tx + ${8 * r}u] = d${r}${e};`)}
    ${addRows('sum', passes, 'key_of(first_entry + line, g, v)')}
  }
  let query = first_query + own;
  if (query < params.queries) {
    let row = query * params.heads + h;
    ${eachSum(passes, (i) => `add_grad_queries(row, v, params.scale * sum${i}, params.added == 1u);`)}
  }`,
  };
}

export function entryTile(aligned: boolean, passes: number): Shader<Reads | 'grad_keys' | 'grad_values'> {
  return {
    declarations: (names) => `${access(names, aligned)}
${adder('grad_keys', names.grad_keys, aligned)}
${adder('grad_values', names.grad_values, aligned)}`,
    main: () => `${places}
  let g = group.y;
  let ratio = params.heads / params.kv_heads;
  let first_entry = group.x * ${tileSize}u;
  ${sums('key_sum', passes)}
  ${sums('value_sum', passes)}
  for (var first_query = 0u; first_query < params.queries; first_query += ${tileSize}u) {
    if (seen_by_tile(first_query) <= first_entry) { continue; }
    for (var h = g * ratio; h < (g + 1u) * ratio; h += 1u) {
      ${scores}
      ${eachPair((r, e) => `tile[(tx + ${8 * r}u) * ${tileSize}u + ty + ${16 * e}u] = p${r}${e};`)}
      ${addRows('value_sum', passes, 'grad_of(first_query + line, h, v)')}
      workgroupBarrier();
      ${eachPair((r, e) => `tile[(tx + ${8 * r}u) * ${tileSize}u + ty + ${16 * e}u] = d${r}${e};`)}
      ${addRows('key_sum', passes, 'query_of(first_query + line, h, v)')}
    }
  }
  let entry = first_entry + own;
  if (entry < params.entries) {
    let row = entry * params.kv_heads + g;
    ${eachSum(passes, (i) => `add_grad_keys(row, v, params.scale * key_sum${i}, true); add_grad_values(row, v, value_sum${i}, true);`)}
  }`,
  };
}
