import { mkdirSync, mkdtempSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { parseConfig, serializeConfig, writeSafetensors } from '@inattention/formats';
import { randomWeights } from '@inattention/model';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { benchCommand } from '../command.ts';
import { parseQuality } from './parse-quality.ts';
import { qualitySchema } from './quality-result.ts';
import { taskSettings, tasks } from './tasks/task-plan.ts';

const folder = mkdtempSync(join(tmpdir(), 'inattention-quality-command-'));
const at = (name: string) => join(folder, name);
const read = (name: string) => readFileSync(at(name), 'utf8');

/** Runs `inattention bench --quality …` in-process. */
async function quality(args: readonly string[], signal?: AbortSignal) {
  const texts = { out: '', error: '' };
  const command = benchCommand({
    out: (text) => {
      texts.out += text;
    },
    error: (text) => {
      texts.error += text;
    },
    interactive: false,
    ...(signal && { signal }),
  }).exitOverride();
  command.configureOutput({ writeErr: () => {} });
  await command.parseAsync([...args], { from: 'user' });
  return texts;
}

beforeAll(() => {
  const config = parseConfig({
    ...{ model_type: 'inattention', vocab_size: 256, hidden_size: 16, intermediate_size: 24, num_hidden_layers: 1 },
    ...{ num_attention_heads: 2, max_position_embeddings: 16, tie_word_embeddings: true, initial_state_window: 2 },
  });
  mkdirSync(at('model'));
  writeFileSync(at('model/config.json'), JSON.stringify(serializeConfig(config)));
  writeFileSync(at('model/model.safetensors'), writeSafetensors(randomWeights(config, { deviation: 0.3 })));
  writeFileSync(at('text.txt'), 'All human beings are born free and equal in dignity and rights. '.repeat(3));
});
afterAll(() => rmSync(folder, { recursive: true, force: true }));

const measure = ['--quality', '--threads', '1', '--models', at('model'), '--text', at('text.txt')];

describe('bench --quality', () => {
  test('measures models, writes every kind of file, and reports the same again', async () => {
    const files = ['--out', at('a.json'), '--markdown', at('a.md'), '--report', at('a.html')];
    const { out, error } = await quality([...measure, '--lengths', '16,4', '--targets', '6', ...files]);
    expect(out).toContain('Loss by context length');
    expect(error).toContain(`Wrote ${at('a.html')}`);
    const result = parseQuality(JSON.parse(read('a.json')));
    expect(result.interrupted).toBeUndefined();
    expect(result.contextLoss?.rows.map(({ tokens }) => tokens)).toEqual([4, 16]);
    expect(result.command).toBe(
      `inattention bench --quality --models ${at('model')} --text ${at('text.txt')} --lengths 4,16 --targets 6 --self-up-to 2Ki --backend cpu --threads 1`,
    );
    const again = ['--from', at('a.json'), '--markdown', at('b.md'), '--report', at('b.html'), '--json'];
    expect(JSON.parse((await quality(again)).out)).toEqual(result);
    expect(read('b.md')).toBe(read('a.md'));
    expect(read('b.html')).toBe(read('a.html'));
  });

  test('cancelled, it leaves nothing that says it is whole', async () => {
    await expect(quality([...measure, '--out', at('c.json')], AbortSignal.abort())).rejects.toThrow(/cancelled/);
    expect(() => read('c.json')).toThrow(/ENOENT/);
  });

  test('a model that is not there, or a text that is not, is named', async () => {
    const absent = ['--quality', '--models', 'no-such-model', '--text', at('text.txt')];
    await expect(quality(absent)).rejects.toThrow(/There is no model "no-such-model"/);
    await expect(quality(['--quality', '--models', at('model'), '--text', at('no.txt')])).rejects.toThrow(/no\.txt/);
  });

  test('a file of other settings is not gone on with', async () => {
    await expect(quality(['--quality', '--resume'])).rejects.toThrow(/--out FILE/);
    const facts = tasks.map(({ name, description, chance }) => ({ name, description, chance }));
    const before = {
      ...{ schema: qualitySchema, created: 'then', environment: {}, backend: 'cpu', device: 'd', text: null },
      ...{ models: [], testLoss: null, contextLoss: null, tasks: { settings: taskSettings, tasks: facts, rows: [] } },
    };
    writeFileSync(at('d.json'), JSON.stringify(before));
    const other = ['--quality', '--steps', '7', '--resume', '--out', at('d.json')];
    await expect(quality(other)).rejects.toThrow(/rows of other settings/);
    expect(JSON.parse(read('d.json'))).toEqual(before);
    const changed = before.tasks.tasks.map((task) => ({ ...task, description: 'another task of this name' }));
    writeFileSync(at('e.json'), JSON.stringify({ ...before, tasks: { ...before.tasks, tasks: changed } }));
    await expect(quality(['--quality', '--resume', '--out', at('e.json')])).rejects.toThrow(/rows of other settings/);
    writeFileSync(at('f.json'), '{');
    await expect(quality(['--quality', '--resume', '--out', at('f.json')])).rejects.toThrow(/f\.json is not JSON/);
  });
});
