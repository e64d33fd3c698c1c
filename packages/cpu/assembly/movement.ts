/** permute and copyBlock: elements of 4 or 2 bytes to other places. */

/** out[i0, i1, i2, i3] = input at the strides s0 … s3 (in elements); d0 … d3 are the sizes of out's axes. */
export function permute(
  input: usize,
  out: usize,
  d0: i32,
  d1: i32,
  d2: i32,
  d3: i32,
  s0: i32,
  s1: i32,
  s2: i32,
  s3: i32,
  half: bool,
): void {
  let target = out;
  for (let i = 0; i < d0; i += 1) {
    for (let j = 0; j < d1; j += 1) {
      for (let k = 0; k < d2; k += 1) {
        const base = <usize>i * <usize>s0 + <usize>j * <usize>s1 + <usize>k * <usize>s2;
        if (s3 == 1) {
          const bytes = (<usize>d3) << (half ? 1 : 2);
          memory.copy(target, input + (base << (half ? 1 : 2)), bytes);
          target += bytes;
        } else if (half) {
          for (let l = 0; l < d3; l += 1) {
            store<u16>(target, load<u16>(input + ((base + <usize>l * <usize>s3) << 1)));
            target += 2;
          }
        } else {
          for (let l = 0; l < d3; l += 1) {
            store<u32>(target, load<u32>(input + ((base + <usize>l * <usize>s3) << 2)));
            target += 4;
          }
        }
      }
    }
  }
}

/** `outer` runs of `bytes` bytes, at byte strides. */
export function copyBlock(
  input: usize,
  inputStride: usize,
  out: usize,
  outStride: usize,
  outer: i32,
  bytes: usize,
): void {
  if (bytes == 4) {
    for (let o = 0; o < outer; o += 1) {
      store<u32>(out + <usize>o * outStride, load<u32>(input + <usize>o * inputStride));
    }
    return;
  }
  for (let o = 0; o < outer; o += 1) {
    memory.copy(out + <usize>o * outStride, input + <usize>o * inputStride, bytes);
  }
}
