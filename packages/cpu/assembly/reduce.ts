/**
 * Sum and maximum of [outer, axis, inner] over the middle axis. Sums of a contiguous axis run in f64; sums over rows
 * (inner > 1) add whole rows in blocks of 64, so that rounding grows with the number of blocks, not of rows.
 */

const blockRows: i32 = 64;

export function sum(input: usize, out: usize, scratch: usize, outer: i32, axis: i32, inner: i32): void {
  for (let o = 0; o < outer; o += 1) {
    const base = input + ((<usize>o * <usize>axis * <usize>inner) << 2);
    const target = out + ((<usize>o * <usize>inner) << 2);
    if (inner == 1) {
      let total: f64 = 0;
      for (let k = 0; k < axis; k += 1) total += <f64>load<f32>(base + ((<usize>k) << 2));
      store<f32>(target, <f32>total);
    } else {
      sumRows(base, target, scratch, axis, inner);
    }
  }
}

/** `scratch` holds 256 floats: columns are taken 256 at a time. */
function sumRows(base: usize, target: usize, scratch: usize, axis: i32, inner: i32): void {
  for (let first = 0; first < inner; first += 256) {
    const columns = min(256, inner - first);
    const to = target + ((<usize>first) << 2);
    memory.fill(to, 0, (<usize>columns) << 2);
    for (let start = 0; start < axis; start += blockRows) {
      const end = min(axis, start + blockRows);
      memory.fill(scratch, 0, (<usize>columns) << 2);
      for (let k = start; k < end; k += 1) {
        addInto(scratch, base + ((<usize>k * <usize>inner + <usize>first) << 2), columns);
      }
      addInto(to, scratch, columns);
    }
  }
}

@inline
function addInto(out: usize, x: usize, length: i32): void {
  let i = 0;
  for (; i + 4 <= length; i += 4) {
    const at = (<usize>i) << 2;
    v128.store(out + at, f32x4.add(v128.load(out + at), v128.load(x + at)));
  }
  for (; i < length; i += 1) {
    const at = (<usize>i) << 2;
    store<f32>(out + at, load<f32>(out + at) + load<f32>(x + at));
  }
}

export function maximum(input: usize, out: usize, outer: i32, axis: i32, inner: i32): void {
  for (let o = 0; o < outer; o += 1) {
    const base = input + ((<usize>o * <usize>axis * <usize>inner) << 2);
    const target = out + ((<usize>o * <usize>inner) << 2);
    memory.copy(target, base, (<usize>inner) << 2);
    for (let k = 1; k < axis; k += 1) {
      const row = base + ((<usize>k * <usize>inner) << 2);
      let i = 0;
      for (; i + 4 <= inner; i += 4) {
        const at = (<usize>i) << 2;
        v128.store(target + at, f32x4.max(v128.load(target + at), v128.load(row + at)));
      }
      for (; i < inner; i += 1) {
        const at = (<usize>i) << 2;
        store<f32>(target + at, max(load<f32>(target + at), load<f32>(row + at)));
      }
    }
  }
}
