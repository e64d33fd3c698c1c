/** The texts of backward-staged.ts. */

import type { Shader } from '../../execution/kernel.ts';
import { adder, loader, weightOf } from './backward-access.wgsl.ts';

const four = [0, 1, 2, 3] as const;
const eachOf = (text: (place: number) => string, between = '\n  ') => four.map(text).join(between);

const common = `
  let quads = (params.entries + 3u) / 4u;
  let ratio = params.heads / params.kv_heads;`;

/** Vectors of four entries of which the four queries from `query` on see some, counted from the first. */
const seenQuads = (records: string) => `
fn seen_quads(query: u32) -> u32 {
  var last = params.first_position - 1;
  for (var line = query; line < min(params.queries, query + 4u); line += 1u) {
    last = max(last, bitcast<i32>(${records}[params.records_at + line * params.heads].w));
  }
  return (min(params.entries, u32(last - params.first_position + 1)) + 3u) / 4u;
}`;

type WeightNames = 'queries' | 'grad' | 'keys' | 'values' | 'records' | 'weights' | 'gradients';

export function weights(aligned: boolean): Shader<WeightNames> {
  return {
    declarations: ({ queries, grad, keys, values, records }) => `
${seenQuads(records)}
${loader('queries', queries, aligned)}
${loader('grad', grad, aligned)}
${loader('keys', keys, aligned)}
${loader('values', values, aligned)}
${weightOf}`,
    main: ({ records, weights, gradients }) => `${common}
  let query_quads = (params.queries + 3u) / 4u;
  let quad = index % quads;
  let query = (index / quads) % query_quads * 4u;
  let h = index / (quads * query_quads);
  if (h >= params.heads || quad >= seen_quads(query)) { return; }
  let g = h / ratio;
  // Rows beyond the last are read as the last: their weights are 0, or not written.
  ${eachOf((i) => `let query_row${i} = min(query + ${i}u, params.queries - 1u) * params.heads + h;`)}
  ${eachOf((i) => `let entry_row${i} = min(quad * 4u + ${i}u, params.entries - 1u) * params.kv_heads + g;`)}
  ${eachOf((i) => `var scores${i} = vec4<f32>(0.0); var along${i} = vec4<f32>(0.0);`)}
  for (var v = 0u; v < params.vectors; v += 1u) {
    ${eachOf((i) => `let k${i} = load_keys(entry_row${i}, v); let v${i} = load_values(entry_row${i}, v);`)}
    ${eachOf(
      (i) => `let q${i} = load_queries(query_row${i}, v); let g${i} = load_grad(query_row${i}, v);
    scores${i} += vec4<f32>(${eachOf((e) => `dot(q${i}, k${e})`, ', ')});
    along${i} += vec4<f32>(${eachOf((e) => `dot(g${i}, v${e})`, ', ')});`,
    )}
  }
  ${eachOf(
    (i) => `if (query + ${i}u < params.queries) {
    let record = ${records}[params.records_at + query_row${i}];
    let weight = vec4<f32>(${eachOf((e) => `weight_of(record, scores${i}[${e}], quad * 4u + ${e}u)`, ', ')});
    let place = (h * params.queries + query + ${i}u) * quads + quad;
    ${weights}[params.weights_at + place] = weight;
    ${gradients}[params.gradients_at + place] = weight * (along${i} - bitcast<f32>(record.y));
  }`,
  )}`,
  };
}

export function queryGradients(aligned: boolean): Shader<'gradients' | 'records' | 'keys' | 'grad_queries'> {
  return {
    declarations: ({ records, keys, grad_queries }) =>
      `${seenQuads(records)}\n${loader('keys', keys, aligned)}\n${adder('grad_queries', grad_queries, aligned)}`,
    main: ({ gradients }) => `${common}
  let v = index % params.vectors;
  let h = (index / params.vectors) % params.heads;
  let query = index / (params.vectors * params.heads) * 4u;
  if (query >= params.queries) { return; }
  let g = h / ratio;
  ${eachOf((i) => `var sum${i} = vec4<f32>(0.0);`)}
  ${eachOf((i) => `let start${i} = params.gradients_at + (h * params.queries + min(query + ${i}u, params.queries - 1u)) * quads;`)}
  let seen = seen_quads(query);
  for (var quad = 0u; quad < seen; quad += 1u) {
    ${eachOf((e) => `let k${e} = load_keys(min(quad * 4u + ${e}u, params.entries - 1u) * params.kv_heads + g, v);`)}
    ${eachOf(
      (i) => `let d${i} = ${gradients}[start${i} + quad];
    sum${i} += ${eachOf((e) => `d${i}[${e}] * k${e}`, ' + ')};`,
    )}
  }
  let keep = params.added == 1u;
  ${eachOf(
    (i) =>
      `if (query + ${i}u < params.queries) { add_grad_queries((query + ${i}u) * params.heads + h, v, params.scale * sum${i}, keep); }`,
  )}`,
  };
}

type EntryNames = 'weights' | 'gradients' | 'records' | 'queries' | 'grad' | 'grad_keys' | 'grad_values';

export function entryGradients(aligned: boolean): Shader<EntryNames> {
  return {
    declarations: ({ queries, grad, grad_keys, grad_values }) => `
${loader('queries', queries, aligned)}
${loader('grad', grad, aligned)}
${adder('grad_keys', grad_keys, aligned)}
${adder('grad_values', grad_values, aligned)}`,
    main: ({ weights, gradients, records }) => `${common}
  let v = index % params.vectors;
  let g = (index / params.vectors) % params.kv_heads;
  let quad = index / (params.vectors * params.kv_heads);
  if (quad >= quads) { return; }
  ${eachOf((e) => `var key_sum${e} = vec4<f32>(0.0); var value_sum${e} = vec4<f32>(0.0);`)}
  for (var h = g * ratio; h < (g + 1u) * ratio; h += 1u) {
    for (var t = 0u; t < params.queries; t += 1u) {
      let position = bitcast<i32>(${records}[params.records_at + t * params.heads + h].w);
      if (position - params.first_position < i32(quad * 4u)) { continue; }
      let place = (h * params.queries + t) * quads + quad;
      let weight = ${weights}[params.weights_at + place];
      let gradient = ${gradients}[params.gradients_at + place];
      let q = load_queries(t * params.heads + h, v);
      let upstream = load_grad(t * params.heads + h, v);
      ${eachOf((e) => `key_sum${e} += gradient[${e}] * q; value_sum${e} += weight[${e}] * upstream;`)}
    }
  }
  ${eachOf(
    (e) => `if (quad * 4u + ${e}u < params.entries) {
    let row = (quad * 4u + ${e}u) * params.kv_heads + g;
    add_grad_keys(row, v, params.scale * key_sum${e}, true);
    add_grad_values(row, v, value_sum${e}, true);
  }`,
  )}`,
  };
}
