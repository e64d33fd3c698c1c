/**
 * What the texts of attendBackward share: how they read and write vectors of four channels, and how a score becomes a
 * weight. See backward-access.ts for the records.
 */

/** `fn load_NAME(row, v)`: channels 4v … 4v + 3 of row `row` of the binding; `binding` is what it is called. */
export function loader(name: string, binding: string, aligned: boolean): string {
  const at = `params.${name}_at`;
  if (aligned) {
    return `
fn load_${name}(row: u32, v: u32) -> vec4<f32> {
  return ${binding}[${at} + row * params.vectors + v];
}`;
  }
  const channel = (c: number) => `if (v * 4u + ${c}u < params.channels) { x[${c}] = ${binding}[at + ${c}u]; }`;
  return `
fn load_${name}(row: u32, v: u32) -> vec4<f32> {
  let at = ${at} + row * params.channels + v * 4u;
  var x = vec4<f32>(0.0);
  ${[0, 1, 2, 3].map(channel).join('\n  ')}
  return x;
}`;
}

/** `fn add_NAME(row, v, value, keep)`: writes keep ? old + value : value. */
export function adder(name: string, binding: string, aligned: boolean): string {
  const at = `params.${name}_at`;
  if (aligned) {
    return `
fn add_${name}(row: u32, v: u32, value: vec4<f32>, keep: bool) {
  let at = ${at} + row * params.vectors + v;
  if (keep) { ${binding}[at] += value; } else { ${binding}[at] = value; }
}`;
  }
  return `
fn add_${name}(row: u32, v: u32, value: vec4<f32>, keep: bool) {
  for (var c = 0u; c < min(4u, params.channels - v * 4u); c += 1u) {
    let at = ${at} + row * params.channels + v * 4u + c;
    if (keep) { ${binding}[at] += value[c]; } else { ${binding}[at] = value[c]; }
  }
}`;
}

/** `fn weight_of(record, product, entry)`: exp(scale · q·k − slope · distance − logSumExp), 0 where it is not seen. */
export const weightOf = `
fn weight_of(record: vec4<u32>, product: f32, entry: u32) -> f32 {
  let distance = bitcast<i32>(record.w) - (params.first_position + i32(entry));
  let seen = distance >= 0 && entry < params.entries;
  let score = params.scale * product - bitcast<f32>(record.z) * f32(distance);
  return select(0.0, exp(select(0.0, score - bitcast<f32>(record.x), seen)), seen);
}`;
