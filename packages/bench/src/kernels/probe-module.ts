/**
 * The machine's limits as WebAssembly sees them, in a module written by hand, instruction by instruction:
 *
 *     multiplyAdd(n) → f32          n rounds of accumulators ← accumulator · a + a, four numbers each, in registers only
 *     sum(start, end) → f32         Σ of f32 in bytes [start, end) of memory, 128 bytes a round
 *
 * Each product needs the sum before it, so no engine can move it out of the loop. `end − start` is a multiple of 128.
 * Tried for the ceiling on a Zen 4 core, GFLOP/s: 8 chains 32 (they wait for each other), 12 chains 42, 14 chains with two
 * constants 42, 14 with one 46, 15 do not fit the registers; products of other registers 20 to 29 (the engine moves them).
 */

/** Independent chains of `multiplyAdd`: with the constant they take all the vector registers an engine gives. */
const chains = 14;
/** Multiply-adds of each chain in a round: the loop's own instructions do not count. */
const unroll = 16;
/** Accumulators of `sum`, and loads of one of its rounds. */
const loads = 8;
/** Floating-point operations of one round of `multiplyAdd`. */
export const flopsPerRound = chains * unroll * 4 * 2;
/** Bytes read by one round of `sum`. */
export const bytesPerRound = loads * 16;

export interface ProbeFunctions {
  multiplyAdd(rounds: number): number;
  sum(start: number, end: number): number;
}

const i32 = 0x7f;
const f32 = 0x7d;
const v128 = 0x7b;

/** Instructions used below; vector ones have the prefix 0xfd. */
const loop = [0x03, 0x40];
const branchIf = [0x0d, 0];
const end = 0x0b;
const getLocal = (index: number) => [0x20, index];
const setLocal = (index: number) => [0x21, index];
const teeLocal = (index: number) => [0x22, index];
const constI32 = (value: number) => [0x41, ...signedLeb(value)];
const subtractI32 = 0x6b;
const addI32 = 0x6a;
const lessI32 = 0x49; // unsigned
const constF32 = (value: number) => [0x43, ...new Uint8Array(Float32Array.of(value).buffer)];
const addF32 = 0x92;
const splat = [0xfd, 0x13];
const loadVector = (offset: number) => [0xfd, 0x00, 4, ...leb(offset)];
const extractLane = (lane: number) => [0xfd, 0x1f, lane];
const addVectors = [0xfd, 0xe4, 0x01];
const multiplyVectors = [0xfd, 0xe6, 0x01];
const relaxedMultiplyAdd = [0xfd, 0x85, 0x02];

/** The module's bytes. `fused`: with relaxed SIMD's multiply-add, as kernels use it where the engine has it. */
function probeBytes(fused: boolean): Uint8Array<ArrayBuffer> {
  return Uint8Array.from([
    ...[0, 0x61, 0x73, 0x6d, 1, 0, 0, 0],
    ...section(1, [2, 0x60, 1, i32, 1, f32, 0x60, 2, i32, i32, 1, f32]),
    // env.memory: shared, 1 … 65,536 pages
    ...section(2, [1, ...text('env'), ...text('memory'), 2, 3, ...leb(1), ...leb(65_536)]),
    ...section(3, [2, 0, 1]),
    ...section(7, [2, ...text('multiplyAdd'), 0, 0, ...text('sum'), 0, 1]),
    ...section(10, [2, ...sized(multiplyAddBody(fused)), ...sized(sumBody())]),
  ]);
}

function multiplyAddBody(fused: boolean): number[] {
  const first = 1; // after the parameter
  const factor = first + chains;
  const multiplyAdd = fused
    ? [...getLocal(factor), ...getLocal(factor), ...relaxedMultiplyAdd]
    : [...getLocal(factor), ...multiplyVectors, ...getLocal(factor), ...addVectors];
  const step = (target: number) => [...getLocal(target), ...multiplyAdd, ...setLocal(target)];
  return [
    ...[1, chains + 1, v128],
    ...repeat(chains, (index) => [...constF32(index + 1), ...splat, ...setLocal(first + index)]),
    ...[...constF32(0.75), ...splat, ...setLocal(factor)],
    ...loop,
    ...repeat(unroll, () => repeat(chains, (index) => step(first + index))),
    ...[...getLocal(0), ...constI32(1), subtractI32, ...teeLocal(0), ...branchIf, end],
    ...total(first, chains),
    end,
  ];
}

function sumBody(): number[] {
  const first = 2;
  return [
    ...[1, loads, v128],
    ...loop,
    ...repeat(loads, (index) => [
      ...[...getLocal(first + index), ...getLocal(0), ...loadVector(16 * index)],
      ...[...addVectors, ...setLocal(first + index)],
    ]),
    ...[...getLocal(0), ...constI32(bytesPerRound), addI32, ...teeLocal(0)],
    ...[...getLocal(1), lessI32, ...branchIf, end],
    ...total(first, loads),
    end,
  ];
}

/** The sum of all numbers in `count` accumulators, on the stack. */
function total(first: number, count: number): number[] {
  const vectors = repeat(count, (index) => [...getLocal(first + index), ...(index === 0 ? [] : addVectors)]);
  const lanes = repeat(4, (lane) => [...getLocal(first), ...extractLane(lane), ...(lane === 0 ? [] : [addF32])]);
  return [...vectors, ...setLocal(first), ...lanes];
}

function repeat(count: number, instructions: (index: number) => number[]): number[] {
  return Array.from({ length: count }, (_, index) => instructions(index)).flat();
}

const section = (id: number, bytes: readonly number[]) => [id, ...sized(bytes)];
const sized = (bytes: readonly number[]) => [...leb(bytes.length), ...bytes];
const text = (name: string) => sized([...new TextEncoder().encode(name)]);

/** A whole number in WebAssembly's variable length, unsigned. */
function leb(value: number): number[] {
  return value < 128 ? [value] : [(value & 127) | 128, ...leb(value >>> 7)];
}

function signedLeb(value: number): number[] {
  return value < 64 ? [value] : [(value & 127) | 128, ...signedLeb(value >>> 7)];
}

/** Compiles the module; with fused multiply-adds where the engine has them. */
export async function compileProbe(): Promise<{ readonly module: WebAssembly.Module; readonly fused: boolean }> {
  const bytes = probeBytes(true);
  const fused = WebAssembly.validate(bytes);
  return { module: await WebAssembly.compile(fused ? bytes : probeBytes(false)), fused };
}

/** An instance over a shared memory. */
export async function instantiateProbe(
  module: WebAssembly.Module,
  memory: WebAssembly.Memory,
): Promise<ProbeFunctions> {
  const { exports } = await WebAssembly.instantiate(module, { env: { memory } });
  return exports as WebAssembly.Exports & ProbeFunctions;
}
