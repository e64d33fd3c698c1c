/**
 * f16 as bits in WGSL: exact conversions by arithmetic on bits, with subnormals, infinities and NaN as IEEE 754 has
 * them. For words or vectors of four words (`type`), without branches.
 */

export type Words = 'u32' | 'vec4<u32>';

/** `half_to_float_bits(bits)`: the bits of the f32 that the low 16 bits stand for. Exact; a NaN keeps its payload. */
export function halfToFloatBits(type: Words): string {
  const float = type.replace('u32', 'f32');
  return `
fn half_to_float_bits(bits: ${type}) -> ${type} {
  let negative = (bits & ${type}(0x8000u)) << ${type}(16u);
  let magnitude = bits & ${type}(0x7fffu);
  let rebased = (magnitude << ${type}(13u)) + ${type}(0x38000000u);
  // Subnormals are mantissa · 2^-24, which is a normal f32. Infinities and NaN have the largest exponent of either.
  let small = bitcast<${type}>(${float}(magnitude) * ${float}(exp2_minus_24));
  let finite = select(rebased, small, magnitude < ${type}(0x400u));
  return negative | select(finite, rebased + ${type}(0x38000000u), magnitude >= ${type}(0x7c00u));
}
const exp2_minus_24 = 5.9604644775390625e-8;
`;
}

/** `float_to_half_bits(bits)`: the f16 nearest to an f32's bits, ties to even; beyond 65504 infinity. */
export function floatToHalfBits(type: Words): string {
  const float = type.replace('u32', 'f32');
  return `
fn float_to_half_bits(bits: ${type}) -> ${type} {
  let negative = (bits >> ${type}(16u)) & ${type}(0x8000u);
  let magnitude = bits & ${type}(0x7fffffffu);
  let rebased = magnitude - ${type}(0x38000000u);
  let normal = (rebased + ${type}(0xfffu) + ((rebased >> ${type}(13u)) & ${type}(1u))) >> ${type}(13u);
  // Subnormals are units of 2^-24: an exact product, then round(), whose ties go to even. 1024 is the smallest normal.
  let small = ${type}(round(bitcast<${float}>(min(magnitude, ${type}(0x38800000u))) * ${float}(exp2_24)));
  let finite = select(normal, small, magnitude < ${type}(0x38800000u));
  let bounded = select(finite, ${type}(0x7c00u), magnitude >= ${type}(0x477ff000u)); // from 65520 on
  let quiet = ${type}(0x7e00u) | ((magnitude >> ${type}(13u)) & ${type}(0x3ffu)); // a NaN, made quiet
  return negative | select(bounded, quiet, magnitude > ${type}(0x7f800000u));
}
const exp2_24 = 16777216.0;
`;
}

/** Of a vec2 of words, the four halves in order, each with rubbish above its 16 bits. */
export function unpackedHalves(words: string): string {
  return `vec4<u32>(${words}, ${words} >> vec2<u32>(16u)).xzyw`;
}
