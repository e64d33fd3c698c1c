/** WGSL: signed bytes of a word, the first in the lowest bits, as numbers. No language extension is needed. */

export const signedBytes = `
fn signedBytes(word: u32) -> vec4<f32> {
  return vec4<f32>(bitcast<vec4<i32>>(vec4<u32>(word) << vec4<u32>(24u, 16u, 8u, 0u)) >> vec4<u32>(24u));
}`;
