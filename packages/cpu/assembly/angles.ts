/** Rotary angles of a position from the coarse and fine tables (each [entries, C/2, 2]: cos, sin), and rotation. */

/** cos and sin of each pair at `position` into `out` [C/2, 2]. */
@inline
export function anglesAt(out: usize, position: i32, fine: usize, coarse: usize, fineLength: i32, headDim: i32): void {
  const rowBytes = (<usize>headDim) << 2;
  const f = fine + <usize>(position % fineLength) * rowBytes;
  const c = coarse + <usize>(position / fineLength) * rowBytes;
  for (let pair: usize = 0; pair < rowBytes; pair += 8) {
    const fineCos = load<f32>(f + pair);
    const fineSin = load<f32>(f + pair, 4);
    const coarseCos = load<f32>(c + pair);
    const coarseSin = load<f32>(c + pair, 4);
    store<f32>(out + pair, coarseCos * fineCos - coarseSin * fineSin);
    store<f32>(out + pair, coarseSin * fineCos + coarseCos * fineSin, 4);
  }
}

/** Rotates one head's pairs (c, c + C/2); `sign` −1 rotates back. In place when out = x. */
@inline
export function rotate(out: usize, x: usize, angles: usize, headDim: i32, sign: f32): void {
  const half = headDim >> 1;
  const upper = (<usize>half) << 2;
  for (let pair = 0; pair < half; pair += 1) {
    const at = (<usize>pair) << 2;
    const cos = load<f32>(angles + (at << 1));
    const sin = sign * load<f32>(angles + (at << 1), 4);
    const a = load<f32>(x + at);
    const b = load<f32>(x + at + upper);
    store<f32>(out + at, a * cos - b * sin);
    store<f32>(out + at + upper, b * cos + a * sin);
  }
}
