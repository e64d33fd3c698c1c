import { InvalidArgumentError, InvalidFileError } from '@inattention/core';
import { expect, it } from 'vitest';
import { filesInMemory } from '../sources/memory-source.ts';
import { openWeights } from './weight-files.ts';
import { writeSafetensors } from './writer.ts';

const shard = (...names: string[]) =>
  writeSafetensors(names.map((name) => ({ name, shape: [2], data: Float32Array.of(names.length, 5) })));
const index = (weightMap: unknown) => new TextEncoder().encode(JSON.stringify({ metadata: {}, weight_map: weightMap }));

/** A folder of files, with an index unless it is null. */
function folder(files: Record<string, Uint8Array>, weightMap: unknown) {
  const all = new Map(Object.entries(files));
  if (weightMap !== null) all.set('model.safetensors.index.json', index(weightMap));
  return filesInMemory(all, 'tiny');
}

it('reads one file', async () => {
  const weights = await openWeights(folder({ 'model.safetensors': shard('a', 'b') }, null));
  expect([...weights.tensors.keys()]).toEqual(['a', 'b']);
  expect(weights.totalBytes).toBe(16);
  expect([...(await weights.read('b'))]).toEqual([2, 5]);
  expect(await weights.readBytes('b', { length: 3 })).toHaveLength(3);
  await expect(weights.read('c')).rejects.toThrow(InvalidArgumentError);
});

it('reads shards through their index, in folders too', async () => {
  const files = { 's1.safetensors': shard('a'), 'more/s2.safetensors': shard('b', 'c') };
  const map = { c: 'more/s2.safetensors', a: 's1.safetensors', b: 'more/s2.safetensors' };
  const weights = await openWeights(folder(files, map));
  expect([...weights.tensors.keys()].sort()).toEqual(['a', 'b', 'c']);
  expect(weights.totalBytes).toBe(24);
  expect([...(await weights.read('a'))]).toEqual([1, 5]);
  expect([...(await weights.read('c'))]).toEqual([2, 5]);
});

it('prefers the one file where a folder has both', async () => {
  const weights = await openWeights(folder({ 'model.safetensors': shard('a') }, { b: 'missing' }));
  expect([...weights.tensors.keys()]).toEqual(['a']);
});

it.each<[string, Record<string, Uint8Array>, unknown, string]>([
  ['no weights', {}, null, 'tiny has no weights'],
  ['no map', {}, undefined, 'has no "weight_map"'],
  ['a map that is a list', {}, ['s'], 'has no "weight_map"'],
  ['a shard that is no name', {}, { a: 7 }, 'names no file for tensor "a". Got: 7'],
  ['a missing shard', { s: shard('a') }, { a: 's', b: 't' }, 'The shard "t" is missing'],
  ['a tensor that its shard lacks', { s: shard('a') }, { a: 's', b: 's' }, 'Tensor "b" is not in its shard'],
  ['a tensor in two shards', { s: shard('a'), t: shard('a', 'b') }, { a: 's', b: 't' }, 'in two shards'],
  [
    'a tensor in the wrong shard',
    { s: shard('a', 'b'), t: shard('c') },
    { a: 's', b: 't', c: 't' },
    'does not name for it',
  ],
  ['a tensor that is not listed', { s: shard('a', 'b') }, { a: 's' }, 'does not name for it'],
  ['a shard outside the folder', { s: shard('a') }, { a: '../s' }, 'points outside its folder'],
  ['an absolute shard', { s: shard('a') }, { a: '/etc/s' }, 'points outside its folder'],
  ['a shard with a backslash', { s: shard('a') }, { a: '..\\s' }, 'points outside its folder'],
])('refuses %s', async (_what, files, map, message) => {
  const opened = openWeights(folder(files, map));
  await expect(opened).rejects.toThrow(InvalidFileError);
  await expect(openWeights(folder(files, map))).rejects.toThrow(message);
});

it('refuses an index that names a tensor twice, or thousands of shards', async () => {
  const twice = new TextEncoder().encode('{"weight_map":{"a":"s","a":"t"}}');
  const files = new Map([['model.safetensors.index.json', twice]]);
  await expect(openWeights(filesInMemory(files))).rejects.toThrow('holds a name twice');
  const many = Object.fromEntries(
    Array.from({ length: 10_001 }, (_, shardNumber) => [`t${shardNumber}`, `s${shardNumber}`]),
  );
  await expect(openWeights(folder({}, many))).rejects.toThrow('too many shards');
});
