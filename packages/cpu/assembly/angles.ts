/**
 * Rotary angles of a position from the coarse and fine tables (each [entries, C/2, 2]: cos, sin), and rotation. The angles
 * of one position are kept as C/2 cosines, then C/2 sines.
 */

/** cos and sin of each pair at `position` into `out` [2, C/2]. */
@inline
export function anglesAt(out: usize, position: i32, fine: usize, coarse: usize, fineLength: i32, headDim: i32): void {
  const rowBytes = (<usize>headDim) << 2;
  const sines = rowBytes >> 1;
  const f = fine + <usize>(position % fineLength) * rowBytes;
  const c = coarse + <usize>(position / fineLength) * rowBytes;
  for (let pair: usize = 0; pair < rowBytes; pair += 8) {
    const fineCos = load<f32>(f + pair);
    const fineSin = load<f32>(f + pair, 4);
    const coarseCos = load<f32>(c + pair);
    const coarseSin = load<f32>(c + pair, 4);
    const at = out + (pair >> 1);
    store<f32>(at, coarseCos * fineCos - coarseSin * fineSin);
    store<f32>(at + sines, coarseSin * fineCos + coarseCos * fineSin);
  }
}

/** Rotates one head's pairs (c, c + C/2); `sign` −1 rotates back. In place when out = x. */
@inline
export function rotate(out: usize, x: usize, angles: usize, headDim: i32, sign: f32): void {
  const half = headDim >> 1;
  const upper = (<usize>half) << 2;
  const signs = f32x4.splat(sign);
  let pair = 0;
  for (; pair + 4 <= half; pair += 4) {
    const at = (<usize>pair) << 2;
    const cos = v128.load(angles + at);
    const sin = f32x4.mul(signs, v128.load(angles + at + upper));
    const a = v128.load(x + at);
    const b = v128.load(x + at + upper);
    v128.store(out + at, f32x4.sub(f32x4.mul(a, cos), f32x4.mul(b, sin)));
    v128.store(out + at + upper, f32x4.add(f32x4.mul(b, cos), f32x4.mul(a, sin)));
  }
  for (; pair < half; pair += 1) {
    const at = (<usize>pair) << 2;
    const cos = load<f32>(angles + at);
    const sin = sign * load<f32>(angles + at + upper);
    const a = load<f32>(x + at);
    const b = load<f32>(x + at + upper);
    store<f32>(out + at, a * cos - b * sin);
    store<f32>(out + at + upper, b * cos + a * sin);
  }
}
