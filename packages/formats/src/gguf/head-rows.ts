/**
 * The order of rows within the heads of W_Q and W_K. Rotary pairs are (c, c + C/2) in Hugging Face's files and here;
 * llama.cpp's `llama` architecture rotates (2c, 2c + 1), so its converter interleaves the two halves of each head
 * (LlamaModel.permute in convert_hf_to_gguf.py). Rows are moved as bytes: blocks never cross them.
 */

/** Rows of whole heads from interleaved order, (0, C/2, 1, C/2 + 1, …), to halves. Returns new bytes. */
export function halvesFromInterleaved(bytes: Uint8Array, headDim: number, rowBytes: number): Uint8Array {
  return moveRows(bytes, headDim, rowBytes, (c) => (c < headDim / 2 ? 2 * c : 2 * (c - headDim / 2) + 1));
}

/** Rows of whole heads from halves to interleaved order. Returns new bytes. */
export function interleavedFromHalves(bytes: Uint8Array, headDim: number, rowBytes: number): Uint8Array {
  return moveRows(bytes, headDim, rowBytes, (c) => (c >>> 1) + (c & 1) * (headDim / 2));
}

/** Row c of each head comes from row `from(c)`. */
function moveRows(bytes: Uint8Array, headDim: number, rowBytes: number, from: (c: number) => number): Uint8Array {
  const moved = new Uint8Array(bytes.length);
  const headBytes = headDim * rowBytes;
  for (let head = 0; head < bytes.length; head += headBytes) {
    for (let c = 0; c < headDim; c += 1) {
      const start = head + from(c) * rowBytes;
      moved.set(bytes.subarray(start, start + rowBytes), head + c * rowBytes);
    }
  }
  return moved;
}
