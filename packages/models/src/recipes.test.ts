import { expect, test } from 'vitest';
import { recipes, trainArguments, trainCommand } from '../scripts/recipes.mjs';

test('the twin differs from small in nothing but its attention', () => {
  const { attention, ...small } = recipes.small.flags;
  const { attention: other, ...twin } = recipes['small-self'].flags;
  expect([attention, other]).toEqual(['inattention', 'self']);
  expect(twin).toEqual(small);
});

test('recipes become arguments, with files and models where they are', () => {
  const args = trainArguments(
    { data: 'train.jsonl', hiddenSize: 128, from: 'small' },
    '/runs/x',
    (name) => `/at/${name}`,
  );
  expect(args).toEqual(
    ['train', '--data', '/at/train.jsonl', '--hidden-size', '128', '--from', '/at/small'].concat('--out', '/runs/x'),
  );
  expect(trainCommand('small-16k', recipes['small-16k'].flags)).toMatch(
    /^inattention train --data train\.jsonl .*--from small --context-length 16384 --rope-scaling yarn .*--out small-16k$/,
  );
});
