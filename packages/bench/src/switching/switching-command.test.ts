import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseConfig, serializeConfig, writeSafetensors } from '@inattention/formats';
import { randomWeights } from '@inattention/model';
import { parseHTML } from 'linkedom';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { benchCommand } from '../command.ts';
import { parseAnyResult } from '../report/any-result.ts';
import { parseSwitching } from './parse-switching.ts';
import { type SwitchingResult, switchingSchema } from './switching-result.ts';

const folder = mkdtempSync(join(tmpdir(), 'inattention-switching-'));
const at = (name: string) => join(folder, name);
const read = (name: string) => readFileSync(at(name), 'utf8');

/** Runs `inattention bench …` in-process. */
async function bench(args: readonly string[], stopAfter?: RegExp) {
  const texts = { out: '', error: '' };
  const controller = new AbortController();
  const command = benchCommand({
    out: (text) => {
      texts.out += text;
    },
    error: (text) => {
      texts.error += text;
      if (stopAfter?.test(text)) controller.abort();
    },
    interactive: false,
    signal: controller.signal,
  }).exitOverride();
  command.configureOutput({ writeErr: () => {} });
  await command.parseAsync([...args], { from: 'user' });
  return texts;
}

beforeAll(() => {
  const config = parseConfig({
    ...{ model_type: 'inattention', vocab_size: 257, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 3 },
    ...{ num_attention_heads: 2, max_position_embeddings: 64, tie_word_embeddings: true, initial_state_window: 1 },
    attention_types: ['self', 'self', 'self'],
  });
  mkdirSync(at('model'));
  writeFileSync(at('model/config.json'), JSON.stringify(serializeConfig(config)));
  writeFileSync(at('model/model.safetensors'), writeSafetensors(randomWeights(config, { deviation: 0.25 })));
  writeFileSync(at('held-out.txt'), 'All human beings are born free and equal in dignity and rights. ');
  writeFileSync(at('training.txt'), 'Everyone has the right to life, liberty and security of person. '.repeat(20));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const measure = ['--switching', at('model'), '--text', at('held-out.txt'), '--tokens', '32', '--threads', '1'];
const heal = ['--heal', '2,1', '--heal-text', at('training.txt'), '--steps', '12', '--learning-rate', '0.003'];

describe('bench --switching', () => {
  test('measures layers alone, together and healed, and reports the same again', async () => {
    const files = ['--out', at('a.json'), '--markdown', at('a.md'), '--report', at('a.html')];
    const { out, error } = await bench([...measure, ...heal, ...files]);
    expect(error).toContain(`Wrote ${at('a.html')}`);
    const result = parseSwitching(JSON.parse(read('a.json')));
    const { rows, original, healing } = result;
    expect([result.text.name, healing?.text.name]).toEqual(['held-out.txt', 'training.txt']);
    expect(rows.map(({ layer }) => layer)).toEqual([0, 1, 2]);
    expect(rows[0]).toMatchObject({ alone: original, cumulative: original }); // layer 0 is the same in both kinds
    expect(rows[2]?.alone).not.toBeCloseTo(original, 3);
    expect(rows[2]?.cumulative).not.toBeCloseTo(rows[2]?.alone as number, 3);
    expect(healing?.rows.map(({ layer, steps }) => [layer, steps])).toEqual([
      [2, 12],
      [1, 12],
    ]);
    expect(healing?.rows[0]?.before).toBeCloseTo(rows[2]?.alone as number, 5);
    expect(healing?.rows[1]?.after).not.toBe(healing?.rows[1]?.before);
    expect(healing?.peakBytes).toBeGreaterThan(100_000);
    expect(healing?.peakBytes).toBeLessThanOrEqual(healing?.plannedBytes as number);
    expect(result.command).toBe(
      `inattention bench --switching ${at('model')} --text ${at('held-out.txt')} --tokens 32 --heal 2,1 --steps 12 --learning-rate 0.003 --heal-text ${at('training.txt')} --backend cpu --threads 1`,
    );
    expect(out).toContain('Switched one after another, and healed');
    const { document } = parseHTML(read('a.html'));
    expect([...document.querySelectorAll('figure svg title')].map(({ textContent }) => textContent)).toEqual(
      expect.arrayContaining(['Loss with layers switched, nothing trained', 'Loss before and after healing']),
    );
    expect(document.querySelectorAll('table')).toHaveLength(2);
    const again = ['--from', at('a.json'), '--markdown', at('b.md'), '--report', at('b.html'), '--json'];
    expect(JSON.parse((await bench(again)).out)).toEqual(result);
    expect([read('b.md'), read('b.html')]).toEqual([read('a.md'), read('a.html')]);
    expect(parseAnyResult(read('a.json'))).toEqual(result);
  }, 60_000);

  test('reports what was measured before it was stopped', async () => {
    const stopped = bench([...measure, '--out', at('c.json')], /layer 1:/);
    await expect(stopped).rejects.toThrow(expect.objectContaining({ code: 'ABORTED' }));
    const result = parseSwitching(JSON.parse(read('c.json')));
    expect(result.interrupted).toBeDefined();
    expect(result.rows.map(({ layer }) => layer)).toEqual([0, 1]);
  });

  test.each([
    [[...measure, '--steps', '3'], /--steps is of healing/],
    [[...measure, '--lengths', '3'], /--lengths does not apply to --switching/],
    [[...measure, '--heal', '1,1'], /different numbers of layers/],
    [[...measure, '--heal', '-1'], /different numbers of layers/],
    [[...measure, ...heal, '--learning-rate', '0'], /above 0/],
    [['--quality', '--heal', '1'], /It goes with --switching/],
  ])('is bad usage: %o', async (args, message) => {
    await expect(bench(args)).rejects.toThrow(message);
  });

  test('refuses layers and texts that do not fit before it measures', async () => {
    await expect(bench([...measure, '--heal', '3'])).rejects.toThrow(/layer 3, which is not there/);
    await expect(bench(['--switching', at('model'), '--text', at('held-out.txt'), '--threads', '1'])).rejects.toThrow(
      /The held-out text is too short/,
    );
  });
});

test('a result is checked to the last field', () => {
  const result: SwitchingResult = {
    schema: switchingSchema,
    created: '2026-01-02T03:04:05.000Z',
    environment: { cpu: 'a', cores: 2 },
    ...{ backend: 'cpu', device: 'd', text: { name: 't', tokens: 8 }, original: 3 },
    model: { name: 'm', parameters: 10, layers: 2 },
    rows: [{ layer: 0, alone: 3, cumulative: null }],
    healing: null,
  };
  expect(parseSwitching(result)).toEqual(result);
  for (const wrong of [
    { schema: 'inattention-switching/99' },
    { original: -1 },
    { rows: [{ layer: -1, alone: 3, cumulative: 3 }] },
    { rows: [{ layer: 0, alone: Number.POSITIVE_INFINITY, cumulative: 3 }] },
    { healing: {} },
  ]) {
    expect(() => parseSwitching({ ...result, ...wrong })).toThrow(expect.objectContaining({ code: 'INVALID_FILE' }));
  }
});
