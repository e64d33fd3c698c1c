/** The compiled kernels and their typed exports. Addresses and lengths are bytes and elements, as assembly/ says. */

import { BackendUnavailableError } from '@inattention/core';

type Address = number;
type Flag = 0 | 1;
type Binary = (a: Address, b: Address, out: Address, size: number, length: number, stride: number) => void;
type Unary = (input: Address, out: Address, length: number) => void;

export interface Kernels {
  fill(out: Address, bits: number, length: number): void;
  copyBytes(input: Address, out: Address, bytes: number): void;
  readonly floatToHalf: Unary;
  readonly halfToFloat: Unary;
  readonly intToFloat: Unary;
  readonly add: Binary;
  readonly subtract: Binary;
  readonly multiply: Binary;
  readonly divide: Binary;
  affine(input: Address, out: Address, scale: number, offset: number, length: number): void;
  readonly exp: Unary;
  readonly log: Unary;
  readonly sqrt: Unary;
  readonly sigmoid: Unary;
  sum(input: Address, out: Address, scratch: Address, outer: number, axis: number, inner: number): void;
  maximum(input: Address, out: Address, outer: number, axis: number, inner: number): void;
  matmul(
    a: Address,
    b: Address,
    out: Address,
    rows: number,
    columns: number,
    inner: number,
    transposeA: Flag,
    transposeB: Flag,
    storage: number,
    scales: Address,
    scale: number,
    accumulate: Flag,
    scratch: Address,
  ): void;
  matmulScratchBytes(rows: number, columns: number, inner: number): number;
  matmulBlocks(
    a: Address,
    b: Address,
    out: Address,
    rows: number,
    columns: number,
    inner: number,
    storage: number,
    scale: number,
    accumulate: Flag,
    scratch: Address,
  ): void;
  /** For all threads together. */
  matmulBlocksScratchBytes(rows: number, inner: number): number;
  setThreads(count: number): void;
  stopThreads(): void;
  gatherRows(
    pages: Address,
    scales: Address,
    rowsPerPage: number,
    ids: Address,
    count: number,
    stride: number,
    offset: number,
    width: number,
    storage: number,
    accumulate: Flag,
    out: Address,
  ): void;
  scatterAddRows(
    source: Address,
    rows: Address,
    starts: Address,
    order: Address,
    count: number,
    width: number,
    out: Address,
  ): void;
  permute(
    input: Address,
    out: Address,
    d0: number,
    d1: number,
    d2: number,
    d3: number,
    s0: number,
    s1: number,
    s2: number,
    s3: number,
    half: Flag,
  ): void;
  copyBlock(input: Address, inputStride: number, out: Address, outStride: number, outer: number, bytes: number): void;
  rmsNorm(
    input: Address,
    weight: Address,
    out: Address,
    inverseRms: Address,
    rows: number,
    width: number,
    epsilon: number,
  ): void;
  rmsNormBackward(
    input: Address,
    weight: Address,
    inverseRms: Address,
    gradOut: Address,
    gradInput: Address,
    gradWeight: Address,
    rows: number,
    width: number,
  ): void;
  rope(
    input: Address,
    positions: Address,
    fine: Address,
    coarse: Address,
    fineLength: number,
    out: Address,
    rows: number,
    heads: number,
    headDim: number,
    inverse: Flag,
    scratch: Address,
  ): void;
  swiglu(gate: Address, up: Address, out: Address, length: number): void;
  swigluBackward(
    gate: Address,
    up: Address,
    gradOut: Address,
    gradGate: Address,
    gradUp: Address,
    length: number,
  ): void;
  crossEntropy(logits: Address, targets: Address, nll: Address, logSumExp: Address, rows: number, width: number): void;
  crossEntropyBackward(
    logits: Address,
    targets: Address,
    logSumExp: Address,
    gradNll: Address,
    gradLogits: Address,
    rows: number,
    width: number,
  ): void;
  adamw(
    parameter: Address,
    gradient: Address,
    firstMoment: Address,
    secondMoment: Address,
    length: number,
    learningRate: number,
    beta1: number,
    beta2: number,
    epsilon: number,
    weightDecay: number,
    correction1: number,
    correction2: number,
  ): void;
  attendScratchWords(
    count: number,
    heads: number,
    headDim: number,
    window: number,
    slots: number,
    entries: number,
    rotates: Flag,
  ): number;
  weightsScratchWords(headDim: number, window: number): number;
  attend(
    queries: Address,
    positions: Address,
    view: Address,
    slopes: Address,
    out: Address,
    maxima: Address,
    sums: Address,
    count: number,
    heads: number,
    from: number,
    to: number,
    scale: number,
    accumulate: Flag,
    slots: number,
    scratch: Address,
  ): void;
  /** Whether `attendEach` serves a view. */
  decodes(view: Address): number;
  attendEachScratchWords(members: Address, count: number, heads: number, headDim: number): number;
  attendEach(
    queries: Address,
    positions: Address,
    members: Address,
    slopes: Address,
    out: Address,
    count: number,
    heads: number,
    headDim: number,
    scale: number,
    scratch: Address,
  ): void;
  attendWeights(
    queries: Address,
    position: number,
    view: Address,
    slopes: Address,
    logSumExp: Address,
    out: Address,
    heads: number,
    from: number,
    to: number,
    scale: number,
    scratch: Address,
  ): void;
  attendBackwardScratchWords(count: number, heads: number, kvHeads: number, headDim: number): number;
  attendBackward(
    queries: Address,
    positions: Address,
    keys: Address,
    values: Address,
    slopes: Address,
    out: Address,
    logSumExp: Address,
    gradOut: Address,
    gradQueries: Address,
    gradKeys: Address,
    gradValues: Address,
    count: number,
    heads: number,
    entries: number,
    kvHeads: number,
    headDim: number,
    firstPosition: number,
    scale: number,
    scratch: Address,
  ): void;
}

/** A compiled variant of the kernels. */
export interface KernelModule {
  readonly module: WebAssembly.Module;
  /** Whether multiply-adds are fused where the hardware can (relaxed SIMD). */
  readonly relaxed: boolean;
  /** Whether it works over shared memory, with threads. */
  readonly threads: boolean;
}

/** `v128.const`, `f32x4.relaxed_madd`: a module that is valid where the engine has relaxed SIMD. */
const relaxedProbe = Uint8Array.of(
  ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0, 1, 4, 1, 0x60, 0, 0, 3, 2, 1, 0, 10, 20, 1, 18, 0],
  ...[0x41, 0, 0xfd, 0x0f, 0x41, 0, 0xfd, 0x0f, 0x41, 0, 0xfd, 0x0f, 0xfd, 0x85, 0x02, 0x1a, 0x0b],
);

/** Compiles the variant that fits. Throws BackendUnavailableError where WebAssembly SIMD is missing. */
export async function compileKernels(threads: boolean): Promise<KernelModule> {
  const relaxed = WebAssembly.validate(relaxedProbe);
  const bytes = Uint8Array.from(atob(await kernelBytes(threads, relaxed)), (character) => character.charCodeAt(0));
  if (!WebAssembly.validate(bytes)) {
    throw new BackendUnavailableError({
      what: 'This JavaScript engine has no WebAssembly SIMD, which the CPU backend needs.',
      fix: 'use Node 20.19 or newer, or a browser of 2023 or newer',
    });
  }
  return { module: await WebAssembly.compile(bytes), relaxed, threads };
}

/** Each variant is a module of its own, so that a page loads one. */
async function kernelBytes(threads: boolean, relaxed: boolean): Promise<string> {
  if (threads) {
    return relaxed
      ? (await import('./generated/kernels-threads-relaxed.ts')).kernelsWasm
      : (await import('./generated/kernels-threads.ts')).kernelsWasm;
  }
  return relaxed
    ? (await import('./generated/kernels-relaxed.ts')).kernelsWasm
    : (await import('./generated/kernels.ts')).kernelsWasm;
}

/** Instantiates the kernels over a memory (a shared one for a variant with threads). */
export async function instantiateKernels(module: WebAssembly.Module, memory: WebAssembly.Memory): Promise<Kernels> {
  const instance = await WebAssembly.instantiate(module, { env: { memory, abort: abortKernel } });
  return instance.exports as WebAssembly.Exports & Kernels;
}

function abortKernel(): never {
  throw new BackendUnavailableError({ what: 'A WebAssembly kernel aborted.' });
}
