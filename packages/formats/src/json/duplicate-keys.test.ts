import fc from 'fast-check';
import { expect, it } from 'vitest';
import { duplicateKey } from './duplicate-keys.ts';

it.each([
  ['{"a":1,"a":2}', 'a'],
  ['{"a":1,"\\u0061":2}', 'a'],
  ['{"x":{"b":[],"b":0}}', 'b'],
  ['[{"c":1,"d":2},{"c":1,"c":2}]', 'c'],
  ['{"":1 , "" :2}', ''],
  ['{"a":["}",{"k":"k"}],"q\\"":1,"q\\"":2}', 'q"'],
  ['{"__proto__":1,"__proto__":2}', '__proto__'],
])('finds the key in %s', (text, key) => {
  expect(duplicateKey(text)).toBe(key);
});

it.each(['{}', '[]', '"a"', '{"a":{"a":{"a":"a"}}}', '["a","a",{"a":"a"},"a"]', '{"a":"\\"","b":",\\\\","c":1}'])(
  'finds none in %s',
  (text) => {
    expect(duplicateKey(text)).toBeNull();
  },
);

it('finds none in what JSON.stringify wrote, whatever it is', () => {
  fc.assert(
    fc.property(fc.json(), (text) => duplicateKey(text) === null),
    { numRuns: 500 },
  );
});

it('finds a key planted at the end of any object', () => {
  const members = fc.dictionary(fc.string(), fc.jsonValue({ maxDepth: 2 }), { minKeys: 1, maxKeys: 5 });
  fc.assert(
    fc.property(members, (object) => {
      const key = Object.keys(object)[0];
      const text = JSON.stringify(object);
      return duplicateKey(`[${text.slice(0, -1)},${JSON.stringify(key)}:0}]`) === key;
    }),
    { numRuns: 500 },
  );
});
