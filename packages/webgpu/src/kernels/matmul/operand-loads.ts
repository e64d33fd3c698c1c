/**
 * How kernels read an operand, whatever it is stored as: WGSL functions that give its numbers in f32. Vectors where rows
 * are whole ones, otherwise element by element; f16 and i8 are unpacked on the way. For an operand `a`:
 *
 *     a1(at)            the element `at` of the view (not of i8)
 *     a4(at)            four from `at`
 *     a4within(at, n)   four, of which those from `n` on are 0 and not read
 *     aRaw(at)          a run of `span` elements as they are stored; piece(raw, j) is its j-th four
 *
 * Elements of i8 are integers: their scale is the kernel's to apply.
 */

import type { BindingDefinition, ElementType } from '../../execution/kernel.ts';
import type { KernelRunner } from '../../execution/kernel-runner.ts';
import { signedBytes } from '../wgsl/bytes.ts';
import type { Part } from './parts.ts';
import type { Operand } from './problem.ts';

/**
 * f32, f16: element by element. f32x4: vectors. f16x4: two words at a time. f16x8, i8x16: four words. i8x4: one word.
 */
export type Storage = 'f32' | 'f32x4' | 'f16' | 'f16x4' | 'f16x8' | 'i8x4' | 'i8x16';

const elements: Readonly<Record<Storage, ElementType>> = {
  f32: 'f32',
  f32x4: 'vec4<f32>',
  f16: 'u32',
  f16x4: 'u32',
  f16x8: 'vec4<u32>',
  i8x4: 'u32',
  i8x16: 'vec4<u32>',
};

/** Elements of one run. */
export const spanOf: Readonly<Record<Storage, number>> = {
  f32: 4,
  f32x4: 4,
  f16: 4,
  f16x4: 4,
  f16x8: 8,
  i8x4: 4,
  i8x16: 16,
};

/** Elements of one load. */
export const loadSpan: Readonly<Record<Storage, number>> = { ...spanOf, f32: 1, f16: 1, f16x4: 2 };

/** The best storage an operand can be read as. `wide`: in runs of four words where they are narrow. */
export function storageOf(runner: KernelRunner, operand: Operand, part: Part, wide: boolean): Storage {
  const { view, start, step, batchStep, alongInner } = operand;
  const { dtype } = view;
  const length = alongInner ? part.inner : operand === part.a ? part.rows : part.columns;
  const whole = (span: number, bytes: number) =>
    [start, length, step, batchStep].every((size) => size % span === 0) && runner.aligned(view, bytes);
  if (dtype === 'i8') return wide && whole(16, 16) && part.blockStart % 16 === 0 ? 'i8x16' : 'i8x4';
  if (dtype === 'f16') return wide && whole(8, 16) ? 'f16x8' : whole(4, 4) ? 'f16x4' : 'f16';
  return whole(4, 16) ? 'f32x4' : 'f32';
}

export function operandBinding(storage: Storage): BindingDefinition {
  return { access: 'read', element: elements[storage] };
}

/** The functions above for operand `name`, whose binding is `buffer`. `params.NAME_start` is its first element. */
export function operandLoads(name: 'a' | 'b', buffer: string, storage: Storage): string {
  const at = `params.${name}_at`;
  const one = `${name}1`;
  const four = `vec4<f32>(${[0, 1, 2, 3].map((j) => `${one}(at + ${j}u)`).join(', ')})`;
  const halves = (raw: string, j: string) =>
    `vec4<f32>(unpack2x16float(${raw}[2u * ${j}]), unpack2x16float(${raw}[2u * ${j} + 1u]))`;
  switch (storage) {
    case 'f32x4':
      return [
        `fn ${one}(at: u32) -> f32 { return ${buffer}[${at} + (at >> 2u)][at & 3u]; }`,
        `fn ${name}4(at: u32) -> vec4<f32> { return ${buffer}[${at} + (at >> 2u)]; }`,
        wholeFours(name),
        fourAsRaw(name),
      ].join('\n');
    case 'f32':
      return [
        `fn ${one}(at: u32) -> f32 { return ${buffer}[${at} + at]; }`,
        `fn ${name}4(at: u32) -> vec4<f32> { return ${four}; }`,
        partialFours(name),
        fourAsRaw(name),
      ].join('\n');
    case 'f16':
      return [
        `fn ${one}(at: u32) -> f32 {
  let e = at + params.${name}_start;
  return unpack2x16float(${buffer}[${at} + (e >> 1u)])[e & 1u];
}`,
        `fn ${name}4(at: u32) -> vec4<f32> { return ${four}; }`,
        partialFours(name),
        fourAsRaw(name),
      ].join('\n');
    case 'f16x4':
      return [
        `fn ${one}(at: u32) -> f32 { return unpack2x16float(${buffer}[${at} + (at >> 1u)])[at & 1u]; }`,
        `fn ${name}4(at: u32) -> vec4<f32> {
  let w = ${at} + (at >> 1u);
  return vec4<f32>(unpack2x16float(${buffer}[w]), unpack2x16float(${buffer}[w + 1u]));
}`,
        wholeFours(name),
        fourAsRaw(name),
      ].join('\n');
    case 'f16x8':
      return `fn ${name}Raw(at: u32) -> vec4<u32> { return ${buffer}[${at} + (at >> 3u)]; }
fn piece(raw: vec4<u32>, j: u32) -> vec4<f32> { return ${halves('raw', 'j')}; }`;
    case 'i8x4':
      return `${signedBytes}
fn ${name}4(at: u32) -> vec4<f32> { return signedBytes(${buffer}[${at} + (at >> 2u)]); }
${wholeFours(name)}
${fourAsRaw(name)}`;
    case 'i8x16':
      return `${signedBytes}
fn ${name}Raw(at: u32) -> vec4<u32> { return ${buffer}[${at} + (at >> 4u)]; }
fn piece(raw: vec4<u32>, j: u32) -> vec4<f32> { return signedBytes(raw[j]); }`;
  }
}

/** Fours that are whole or not there at all. */
function wholeFours(name: string): string {
  return `fn ${name}4within(at: u32, n: u32) -> vec4<f32> {
  if (n == 0u) { return vec4<f32>(); }
  return ${name}4(at);
}`;
}

function partialFours(name: string): string {
  return `fn ${name}4within(at: u32, n: u32) -> vec4<f32> {
  if (n >= 4u) { return ${name}4(at); }
  var four = vec4<f32>();
  if (n > 0u) { four.x = ${name}1(at); }
  if (n > 1u) { four.y = ${name}1(at + 1u); }
  if (n > 2u) { four.z = ${name}1(at + 2u); }
  return four;
}`;
}

/** Only `b` is read raw. */
function fourAsRaw(name: string): string {
  if (name !== 'b') return '';
  return `fn bRaw(at: u32) -> vec4<f32> { return b4(at); }
fn piece(raw: vec4<f32>, j: u32) -> vec4<f32> { return raw; }`;
}
