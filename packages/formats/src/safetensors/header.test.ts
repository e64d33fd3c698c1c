import { InvalidFileError } from '@inattention/core';
import { expect, it } from 'vitest';
import { bitsPerElement, dtypeNames } from './dtypes.ts';
import { parseHeader } from './header.ts';

/** Checks a header's text as that of a file whose data has `dataLength` bytes. */
function parse(text: string, dataLength: number) {
  const bytes = new TextEncoder().encode(text);
  return parseHeader(bytes, 'x.safetensors', 8 + bytes.length, 8 + bytes.length + dataLength);
}
const f32 = (shape: string, offsets: string) => `{"dtype":"F32","shape":${shape},"data_offsets":${offsets}}`;

it('gives tensors in the order of the file, with offsets from its start', () => {
  const text = `{"__metadata__":{"format":"pt"},"b":${f32('[2]', '[4,12]')},"a":${f32('[]', '[0,4]')}}  `;
  const { tensors, metadata } = parse(text, 12);
  const dataStart = 8 + text.length;
  expect([...tensors.values()]).toEqual([
    { name: 'b', dtype: 'F32', shape: [2], byteOffset: dataStart + 4, byteLength: 8 },
    { name: 'a', dtype: 'F32', shape: [], byteOffset: dataStart, byteLength: 4 },
  ]);
  expect([...metadata]).toEqual([['format', 'pt']]);
});

it('takes the names of prototype members for names like any other', () => {
  const { tensors, metadata } = parse(
    `{"__metadata__":{"__proto__":"m"},"__proto__":${f32('[1]', '[0,4]')},"constructor":${f32('[1]', '[4,8]')}}`,
    8,
  );
  expect([...tensors.keys()]).toEqual(['__proto__', 'constructor']);
  expect([...metadata]).toEqual([['__proto__', 'm']]);
  expect({}).not.toHaveProperty('dtype');
});

it('takes empty tensors, a file without tensors, and no metadata', () => {
  const { tensors } = parse(`{"e":${f32('[0,7]', '[0,0]')},"x":${f32('[1]', '[0,4]')},"z":${f32('[0]', '[4,4]')}}`, 4);
  expect(tensors.get('e')?.byteLength).toBe(0);
  expect(parse('{}', 0).tensors.size).toBe(0);
  expect(parse('{"__metadata__":null}', 0).metadata.size).toBe(0);
});

it('lists every dtype of the format with its size, those of less than a byte included', () => {
  for (const dtype of dtypeNames) {
    const byteLength = 4 * (bitsPerElement(dtype) ?? Number.NaN); // 32 elements
    const { tensors } = parse(`{"x":{"dtype":"${dtype}","shape":[32],"data_offsets":[0,${byteLength}]}}`, byteLength);
    expect(tensors.get('x')?.byteLength).toBe(byteLength);
  }
  expect(() => parse('{"x":{"dtype":"F4","shape":[3],"data_offsets":[0,2]}}', 2)).toThrow(InvalidFileError);
});

it.each<[string, string, number, string]>([
  ['an array', '[]', 0, 'does not start with "{"'],
  ['blanks before it', ` {"a":${f32('[1]', '[0,4]')}}`, 4, 'does not start with "{"'],
  ['no JSON', '{"a":', 0, 'not valid JSON'],
  ['a name twice', `{"a":${f32('[1]', '[0,4]')},"\\u0061":${f32('[1]', '[4,8]')}}`, 8, 'a name twice'],
  ['a field twice', '{"a":{"dtype":"F32","dtype":"F16","shape":[2],"data_offsets":[0,4]}}', 4, 'a name twice'],
  ['metadata that is no object', '{"__metadata__":[]}', 0, '__metadata__'],
  ['metadata that is no text', '{"__metadata__":{"a":1}}', 0, '__metadata__ holds no text at "a"'],
  ['an entry that is no object', '{"a":[1]}', 0, 'not described by an object'],
  ['no dtype', '{"a":{"shape":[1],"data_offsets":[0,4]}}', 4, 'unknown dtype. Got: nothing'],
  ['an unknown dtype', '{"a":{"dtype":"Q4","shape":[1],"data_offsets":[0,4]}}', 4, 'unknown dtype. Got: "Q4"'],
  ['a dtype that is no text', '{"a":{"dtype":{"toString":1},"shape":[1],"data_offsets":[0,4]}}', 4, 'unknown dtype'],
  ['a dtype of prototypes', '{"a":{"dtype":"toString","shape":[1],"data_offsets":[0,4]}}', 4, 'unknown dtype'],
  ['no shape', '{"a":{"dtype":"F32","data_offsets":[0,4]}}', 4, 'impossible shape'],
  ['a negative dimension', `{"a":${f32('[-1]', '[0,4]')}}`, 4, 'impossible shape. Got: [-1]'],
  ['a minus zero', `{"a":${f32('[-0]', '[0,0]')}}`, 0, 'impossible shape. Got: [-0]'],
  ['a fraction', `{"a":${f32('[0.5,2]', '[0,4]')}}`, 4, 'impossible shape'],
  ['a dimension of text', `{"a":${f32('["1"]', '[0,4]')}}`, 4, 'impossible shape'],
  ['a nested shape', `{"a":${f32('[[1]]', '[0,4]')}}`, 4, 'impossible shape'],
  ['a dimension beyond 2^53', `{"a":${f32('[9007199254740993]', '[0,4]')}}`, 4, 'impossible shape'],
  ['a product beyond 2^53', `{"a":${f32('[4294967296,4294967296]', '[0,4]')}}`, 4, 'impossible shape'],
  ['a product hidden by 0', `{"a":${f32('[4294967296,4294967296,0]', '[0,0]')}}`, 0, 'impossible shape'],
  ['an infinite dimension', `{"a":${f32('[1e999]', '[0,4]')}}`, 4, 'impossible shape'],
  ['no offsets', '{"a":{"dtype":"F32","shape":[1]}}', 4, 'impossible data_offsets'],
  ['three offsets', `{"a":${f32('[1]', '[0,4,8]')}}`, 8, 'impossible data_offsets'],
  ['fractional offsets', `{"a":${f32('[1]', '[0.5,4.5]')}}`, 5, 'impossible data_offsets'],
  ['negative offsets', `{"a":${f32('[1]', '[-4,0]')}}`, 4, 'impossible data_offsets'],
  ['offsets backwards', `{"a":${f32('[1]', '[4,0]')}}`, 4, 'impossible data_offsets'],
  ['offsets as an object', `{"a":${f32('[1]', '{"0":0,"1":4,"length":2}')}}`, 4, 'impossible data_offsets'],
  ['an end beyond the file', `{"a":${f32('[2]', '[0,8]')}}`, 4, 'reaches beyond the file'],
  ['an end near 2^53', `{"a":${f32('[1]', '[9007199254740987,9007199254740991]')}}`, 4, 'reaches beyond the file'],
  ['a size that is not that of its shape', `{"a":${f32('[2]', '[0,4]')}}`, 4, 'do not fit its shape'],
  ['overlapping tensors', `{"a":${f32('[2]', '[0,8]')},"b":${f32('[1]', '[4,8]')}}`, 8, 'overlaps'],
  ['the same bytes twice', `{"a":${f32('[1]', '[0,4]')},"b":${f32('[1]', '[0,4]')}}`, 4, 'overlaps'],
  ['a hole', `{"a":${f32('[1]', '[0,4]')},"b":${f32('[1]', '[8,12]')}}`, 12, 'leaves a hole'],
  ['a hole at the start', `{"a":${f32('[1]', '[4,8]')}}`, 8, 'leaves a hole'],
  ['an empty tensor inside another', `{"a":${f32('[2]', '[0,8]')},"b":${f32('[0]', '[4,4]')}}`, 8, 'overlaps'],
  ['bytes after the last tensor', `{"a":${f32('[1]', '[0,4]')}}`, 5, 'bytes are left over'],
  ['bytes and no tensor', '{}', 1, 'bytes are left over'],
])('refuses %s', (_what, text, dataLength, message) => {
  expect(() => parse(text, dataLength)).toThrow(InvalidFileError);
  expect(() => parse(text, dataLength)).toThrow(message);
});

it('refuses bytes that are no UTF-8, and a byte-order mark', () => {
  const bytes = Uint8Array.of(0x7b, 0x22, 0xff, 0x22, 0x3a, 0x30, 0x7d);
  expect(() => parseHeader(bytes, 'x', 15, 15)).toThrow(InvalidFileError);
  expect(() => parse('\u{FEFF}{}', 0)).toThrow('does not start with "{"');
});

it('refuses nesting that would exhaust the stack, as any other wrong value', () => {
  const deep = `${'['.repeat(100_000)}${']'.repeat(100_000)}`;
  for (const entry of [deep, `{"dtype":${deep}}`, f32(deep, '[0,4]'), f32('[1]', deep)]) {
    expect(() => parse(`{"a":${entry}}`, 4)).toThrow(InvalidFileError);
  }
});
