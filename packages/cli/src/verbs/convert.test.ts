import { access, mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { openModelFiles, parseConfig, serializeConfig, writeSafetensors } from '@inattention/formats';
import { openModelAt } from '@inattention/formats/node';
import { randomWeights } from '@inattention/model';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runProgram } from '../program.ts';

/** As Hugging Face's files have it, with 256 tokens so that a text is its bytes. */
const llama = {
  model_type: 'llama',
  vocab_size: 256,
  hidden_size: 64,
  intermediate_size: 96,
  num_hidden_layers: 3,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  rms_norm_eps: 1e-5,
  rope_theta: 10000,
  tie_word_embeddings: true,
  torch_dtype: 'bfloat16',
};
const config = parseConfig({ ...llama, model_type: 'inattention', attention_types: 'self', torch_dtype: undefined });

let folder = '';
let source = '';
let tokens = '';
const at = (name: string) => join(folder, name);

async function run(args: readonly string[], signal = new AbortController().signal) {
  let out = '';
  let error = '';
  const terminal = {
    out: (text: string) => {
      out += text;
    },
    error: (text: string) => {
      error += text;
    },
    interactive: false,
    signal,
  };
  const status = await runProgram(args, terminal, '1.2.3');
  return { status, out, error };
}
const convert = (from: string, to: string, ...rest: string[]) =>
  run(['convert', '--from', from, '--to', at(to), ...rest]);

async function lossOf(model: string): Promise<number> {
  const { out, error } = await run(['score', '--model', model, '--tokens', tokens, '--json', '--backend', 'cpu']);
  expect(error).toBe('');
  return (JSON.parse(out) as { loss: number }).loss;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inattention-convert-'));
  source = at('source');
  tokens = at('tokens.json');
  await mkdir(source);
  await writeFile(tokens, JSON.stringify([...new TextEncoder().encode('Call me Ishmael. Some years ago')]));
  await writeFile(join(source, 'config.json'), JSON.stringify(llama));
  await writeFile(join(source, 'tokenizer_config.json'), '{"chat_template":"{{ messages[0].content }}"}');
  const weights = [...randomWeights(config, { seed: 5, deviation: 0.2 })];
  await writeFile(
    join(source, 'model.safetensors'),
    writeSafetensors(weights.map((weight) => ({ ...weight, dtype: 'BF16' }))),
  );
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('convert', () => {
  test('gives a folder that computes the same, in the dtype of the files, with their companions', async () => {
    const { status, out } = await convert(source, 'own', '--json');
    expect(status).toBe(0);
    expect(JSON.parse(out)).toMatchObject({ format: 'inattention', attentionTypes: ['self', 'self', 'self'] });
    const files = await openModelFiles(await openModelAt(at('own')));
    expect(files.config).toEqual(config);
    expect(new Set([...files.weights.tensors.values()].map(({ dtype }) => dtype))).toEqual(new Set(['BF16']));
    expect(files.chatTemplate?.source).toBe('{{ messages[0].content }}');
    expect(await lossOf(at('own'))).toBe(await lossOf(source));
  });

  test('goes to GGUF and back without changing a number; a GGUF file is run as it is', async () => {
    await convert(source, 'model.gguf', '--format', 'gguf');
    await convert(at('model.gguf'), 'back', '--format', 'safetensors');
    const [before, after] = [
      await openModelFiles(await openModelAt(source)),
      await openModelFiles(await openModelAt(at('back'))),
    ];
    expect(after.config).toEqual({ ...before.config, maxPositionEmbeddings: before.config.maxPositionEmbeddings });
    for (const name of before.weights.tensors.keys()) {
      expect(await after.weights.read(name)).toEqual(await before.weights.read(name));
    }
    const json = JSON.parse(await readFile(join(at('back'), 'config.json'), 'utf8')) as Record<string, unknown>;
    expect(json).toMatchObject({ model_type: 'llama', architectures: ['LlamaForCausalLM'], num_key_value_heads: 2 });
    expect(Object.keys(json).filter((name) => /attention_types|initial_state/.test(name))).toEqual([]);
    expect(await lossOf(at('model.gguf'))).toBe(await lossOf(source));
    const q8 = await convert(source, 'q8.gguf', '--format', 'gguf', '--weight-dtype', 'q8_0');
    expect(q8.status).toBe(0);
    expect(Math.abs((await lossOf(at('q8.gguf'))) - (await lossOf(source)))).toBeLessThan(0.05);
  });

  test('switches layers, and a window that starts at 0 changes nothing', async () => {
    const switches = ['--attention', 'all=inattention', '--attention', '0,2=self'];
    await convert(source, 'switched', ...switches);
    const { config: switched } = await openModelFiles(await openModelAt(at('switched')));
    expect(switched.attentionTypes).toEqual(['self', 'inattention', 'self']);
    expect(await lossOf(at('switched'))).not.toBe(await lossOf(source));
    await convert(source, 'windowed', '--window', '3', ...switches);
    const windowed = await openModelFiles(await openModelAt(at('windowed')));
    expect(windowed.config.initialStateWindow).toBe(3);
    expect(Math.abs((await lossOf(at('windowed'))) - (await lossOf(at('switched'))))).toBeLessThan(1e-5);
    const again = await convert(at('switched'), 'restored', '--attention', 'self');
    expect(again.status).toBe(0);
    expect(await lossOf(at('restored'))).toBe(await lossOf(source));
    expect(serializeConfig((await openModelFiles(await openModelAt(at('restored')))).config)).toEqual(
      serializeConfig(config),
    );
  });

  test('refuses what a format cannot hold, a layer that is not there, and a place that is taken', async () => {
    await convert(source, 'switched-2', '--attention', 'all=inattention');
    for (const format of ['gguf', 'safetensors']) {
      const { status, error } = await convert(at('switched-2'), 'never', '--format', format);
      expect([status, error]).toEqual([1, expect.stringContaining('"inattention"')]);
    }
    expect((await convert(source, 'never', '--attention', '3=inattention')).error).toContain('no such layer');
    expect((await convert(source, 'never', '--weight-dtype', 'q8_0')).error).toContain('does not store weights so');
    await mkdir(at('taken'));
    await writeFile(join(at('taken'), 'x'), 'kept');
    expect((await convert(source, 'taken')).error).toContain('something at');
    expect(await readFile(join(at('taken'), 'x'), 'utf8')).toBe('kept');
    await mkdir(at('empty.gguf'));
    const intoFolder = await convert(source, 'empty.gguf', '--format', 'gguf');
    expect([intoFolder.status, intoFolder.error]).toEqual([1, expect.stringContaining('a folder')]);
    expect(await readdir(at('empty.gguf'))).toEqual([]);
    const below = await convert(source, `${'long'.repeat(80)}`);
    expect([below.status, below.error]).toEqual([1, expect.stringContaining('ENAMETOOLONG')]);
    expect((await readdir(folder)).filter((name) => name.includes('never') || name.includes('partial'))).toEqual([]);
  });

  test.each(['1.5=self', '0,=self', 'all=cross', '0=self=1', '=self', '-1=self'])(
    'takes no --attention %s',
    async (spec) => {
      expect((await convert(source, 'never', '--attention', spec)).status).toBe(2);
    },
  );

  test('leaves nothing when it is cancelled in the middle', async () => {
    const controller = new AbortController();
    let polls = 0;
    // Aborted by the work itself, after its first tensors: the signal is asked before each.
    const signal = new Proxy(controller.signal, {
      get(target, name) {
        if (name === 'aborted' && ++polls > 12) controller.abort();
        const value: unknown = Reflect.get(target, name, target);
        return typeof value === 'function' ? value.bind(target) : value;
      },
    });
    const { status } = await run(['convert', '--from', source, '--to', at('cancelled')], signal);
    expect(status).toBe(130);
    await expect(access(at('cancelled'))).rejects.toThrow();
    expect((await readdir(folder)).filter((name) => name.includes('cancelled'))).toEqual([]);
  });
});

describe('generate --chat', () => {
  test('writes the message as the template of the model has it', async () => {
    const args = ['--model', source, '--max-tokens', '3', '--json', '--backend', 'cpu'];
    const [chat, prompt] = [
      await run(['generate', ...args, '--chat', 'Hi']),
      await run(['generate', ...args, '--prompt', 'Hi']),
    ];
    const tokensOf = ({ out }: { out: string }) => (JSON.parse(out) as { tokens: number[] }).tokens;
    expect(tokensOf(chat)).toEqual(tokensOf(prompt));
    expect((await run(['generate', ...args, '--chat', 'a', '--prompt', 'b'])).status).toBe(2);
    expect((await run(['generate', ...args, '--prompt', 'b', '--system', 'c'])).status).toBe(2);
  });
});
