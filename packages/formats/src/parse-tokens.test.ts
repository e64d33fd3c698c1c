import { expect, test } from 'vitest';
import { parseTokens } from './parse-tokens.ts';

test('takes a list of ids, or an object with tokens', () => {
  expect(parseTokens([0, 5, 9], 10)).toEqual(Int32Array.of(0, 5, 9));
  expect(parseTokens({ tokens: [3], other: 1 }, 10)).toEqual(Int32Array.of(3));
});

test.each([[[10]], [[-1]], [[0.5]], [[2 ** 32]], [[Number.NaN]]])('refuses the id in %j', (list) => {
  expect(() => parseTokens([1, ...list], 10)).toThrow(/1/);
  expect(() => parseTokens(list, 10)).toThrow(expect.objectContaining({ code: 'TOKEN_OUT_OF_RANGE' }));
});

test.each([[{}], ['1'], [null], [{ tokens: 3 }], [['1']], [[null]]])('refuses %j', (json) => {
  expect(() => parseTokens(json, 10)).toThrow(expect.objectContaining({ code: 'INVALID_FILE' }));
});
