/** f16 as bits in WGSL: exact conversions by integer arithmetic, with subnormals, infinities and NaN as IEEE 754 has them. */

/** `half_to_float_bits(bits)`: the bits of the f32 that the low 16 bits stand for. Exact; a NaN keeps its payload. */
export const halfToFloatBits = `
fn half_to_float_bits(bits: u32) -> u32 {
  let negative = (bits & 0x8000u) << 16u;
  let exponent = (bits >> 10u) & 0x1fu;
  let mantissa = bits & 0x3ffu;
  if (exponent == 0x1fu) { return negative | 0x7f800000u | (mantissa << 13u); }
  if (exponent != 0u) { return negative | ((exponent + 112u) << 23u) | (mantissa << 13u); }
  if (mantissa == 0u) { return negative; }
  // Subnormal, mantissa · 2^-24: shift the leading one to bit 10, lowering the exponent by as much.
  let shift = countLeadingZeros(mantissa) - 21u;
  return negative | ((113u - shift) << 23u) | (((mantissa << shift) & 0x3ffu) << 13u);
}
`;

/** `float_to_half_bits(bits)`: the f16 nearest to an f32's bits, ties to even; beyond 65504 infinity. */
export const floatToHalfBits = `
fn float_to_half_bits(bits: u32) -> u32 {
  let negative = (bits >> 16u) & 0x8000u;
  let magnitude = bits & 0x7fffffffu;
  if (magnitude > 0x7f800000u) { return negative | 0x7e00u | ((magnitude >> 13u) & 0x3ffu); } // a NaN, made quiet
  if (magnitude >= 0x477ff000u) { return negative | 0x7c00u; } // from 65520 on
  if (magnitude >= 0x38800000u) {
    let rebased = magnitude - 0x38000000u;
    return negative | ((rebased + 0xfffu + ((rebased >> 13u) & 1u)) >> 13u);
  }
  if (magnitude <= 0x33000000u) { return negative; } // at most half the least subnormal
  // Subnormal: the significand in units of 2^-24. A carry into bit 10 is the smallest normal, as it should be.
  let shift = 126u - (magnitude >> 23u);
  let significand = (magnitude & 0x7fffffu) | 0x800000u;
  let quotient = significand >> shift;
  let remainder = significand & ((1u << shift) - 1u);
  let tie = 1u << (shift - 1u);
  return negative | (quotient + select(0u, 1u, remainder > tie || (remainder == tie && (quotient & 1u) == 1u)));
}
`;
