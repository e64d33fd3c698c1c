import { InvalidArgumentError, UnsupportedError } from '@inattention/core';
import { type ModelConfig, ropeFrequenciesOf } from '@inattention/core/math';
import { parseConfig, serializeConfig } from '@inattention/formats';
import { describe, expect, test } from 'vitest';
import { smallConfig } from '../../test/small-model.ts';
import { describePositions, extendContext, ropeExtensions } from './extend-context.ts';

const rope = smallConfig({ headDim: 16, maxPositionEmbeddings: 64 });
const slowest = (config: ModelConfig) => ropeFrequenciesOf(config).frequencies.at(-1) as number;
const fastest = (config: ModelConfig) => ropeFrequenciesOf(config).frequencies[0] as number;

describe('extendContext', () => {
  test.each(ropeExtensions)('by %s is what config.json records and reads again', (rule) => {
    const extended = extendContext(rope, 1024, rule);
    expect(extended.maxPositionEmbeddings).toBe(1024);
    expect(parseConfig(JSON.parse(JSON.stringify(serializeConfig(extended))))).toEqual(extended);
    expect(extendContext(rope, 64, rule)).toBe(rope);
    expect(extendContext(rope, 10, rule)).toBe(rope);
  });

  test('stretches the slowest pair by the factor, and the fastest as the rule has it', () => {
    const ratios = (rule: (typeof ropeExtensions)[number]) => {
      const extended = extendContext(rope, 1024, rule);
      return [fastest(rope) / fastest(extended), slowest(rope) / slowest(extended)];
    };
    expect(ratios('linear')).toEqual([16, 16]);
    expect(ratios('yarn')).toEqual([1, expect.closeTo(16, 9)]);
    expect(ratios('ntk')).toEqual([1, expect.closeTo(16, 9)]);
    expect(ratios('none')).toEqual([1, 1]);
    expect(extendContext(rope, 1024)).toEqual(extendContext(rope, 1024, 'yarn'));
    expect(extendContext(rope, 1024).ropeScaling).toMatchObject({
      factor: 16,
      originalLength: 64,
      attentionFactor: 0.1 * Math.log(16) + 1,
    });
  });

  test.each(['yarn', 'linear', 'ntk'] as const)('in two steps by %s is the same as in one', (rule) => {
    const twice = extendContext(extendContext(rope, 256, rule), 1024, rule);
    const once = extendContext(rope, 1024, rule);
    expect(twice.ropeScaling).toEqual(once.ropeScaling);
    expect(twice.ropeTheta / once.ropeTheta).toBeCloseTo(1, 12);
  });

  test('leaves ALiBi and no positions as they are', () => {
    for (const positionEmbeddingType of ['alibi', 'none'] as const) {
      const config = smallConfig({ positionEmbeddingType });
      expect(extendContext(config, 4096)).toEqual({ ...config, maxPositionEmbeddings: 4096 });
      expect(extendContext(config, 4096, 'none').maxPositionEmbeddings).toBe(4096);
      expect(() => extendContext(config, 4096, 'yarn')).toThrow(InvalidArgumentError);
    }
  });

  test('refuses learned positions, rules on top of others, and lengths that are none', () => {
    const learned = smallConfig({ positionEmbeddingType: 'learned' });
    expect(() => extendContext(learned, 4096)).toThrow(UnsupportedError);
    expect(extendContext(learned, 64)).toBe(learned);
    const linear = extendContext(rope, 128, 'linear');
    for (const rule of [undefined, 'yarn', 'ntk'] as const) {
      expect(() => extendContext(linear, 256, rule)).toThrow('"linear" again, or "none"');
    }
    expect(extendContext(linear, 256, 'none')).toEqual({ ...linear, maxPositionEmbeddings: 256 });
    for (const length of [0, 1.5, -1, Number.NaN, 2 ** 23]) {
      expect(() => extendContext(rope, length)).toThrow(InvalidArgumentError);
    }
  });

  test('is told to people', () => {
    expect(describePositions(extendContext(rope, 1024))).toBe('rope, base 10000, yarn by 16 from 64');
    expect(describePositions(extendContext(rope, 128, 'linear'))).toBe('rope, base 10000, linear by 2');
    expect(describePositions(rope)).toBe('rope, base 10000');
    expect(describePositions(smallConfig({ positionEmbeddingType: 'alibi' }))).toBe('alibi');
  });
});
