import { expect, it } from 'vitest';
import { describe as describeValue, isRecord, quote } from './describe.ts';

it('writes values as a reader of the file would, one level deep and short', () => {
  expect(describeValue(undefined)).toBe('nothing');
  expect(describeValue(null)).toBe('null');
  expect(describeValue(-0)).toBe('-0');
  expect(describeValue(Number.NaN)).toBe('NaN');
  expect(describeValue('a"b\n')).toBe('"a\\"b\\n"');
  expect(describeValue([1, 'x', [2], { y: 3 }])).toBe('[1, "x", […], {…}]');
  expect(describeValue(Array(20).fill(0))).toBe('[0, 0, 0, 0, 0, 0, 0, 0, … 20 in all]');
  expect(describeValue({ toString: 1 })).toBe('{…}');
  expect(quote('x'.repeat(1000))).toHaveLength(123);
});

it('survives nesting that would exhaust the stack of a recursive writer', () => {
  const deep: unknown = JSON.parse(`${'['.repeat(200_000)}${']'.repeat(200_000)}`);
  expect(describeValue(deep)).toBe('[[…]]');
});

it('tells objects from arrays and null', () => {
  expect([isRecord({}), isRecord([]), isRecord(null), isRecord('x')]).toEqual([true, false, false, false]);
});
