import { mkdir, mkdtemp, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { plan } from '@inattention/core/math';
import { parseConfig, serializeConfig, writeSafetensors } from '@inattention/formats';
import { randomWeights } from '@inattention/model';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runProgram } from './program.ts';

const cases = new URL('../../conformance/cases/', import.meta.url).pathname;
const config = parseConfig({
  model_type: 'inattention',
  vocab_size: 256,
  hidden_size: 32,
  intermediate_size: 48,
  num_hidden_layers: 2,
  num_attention_heads: 4,
  num_key_value_heads: 2,
  tie_word_embeddings: true,
  initial_state_window: 3,
});

let folder = '';
let model = '';

/** Runs the program and returns what it wrote and its exit status. */
async function run(...args: string[]) {
  let out = '';
  let error = '';
  const status = await runProgram(
    args,
    {
      out: (text) => {
        out += text;
      },
      error: (text) => {
        error += text;
      },
      interactive: false,
      signal: new AbortController().signal,
    },
    '1.2.3',
  );
  return { status, out, error };
}

/** A model folder like the good one, with some files changed. */
async function spoiled(name: string, files: Record<string, string | Uint8Array>): Promise<string> {
  const path = join(folder, name);
  await mkdir(path);
  for (const file of ['config.json', 'model.safetensors']) {
    await writeFile(join(path, file), files[file] ?? (await readFile(join(model, file))));
  }
  return path;
}

async function tokensFile(name: string, content: unknown): Promise<string> {
  const path = join(folder, name);
  await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content));
  return path;
}

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inattention-cli-'));
  model = join(folder, 'model');
  await mkdir(model);
  await writeFile(join(model, 'config.json'), JSON.stringify(serializeConfig(config)));
  await writeFile(
    join(model, 'model.safetensors'),
    writeSafetensors(randomWeights(config, { seed: 3, deviation: 0.3 })),
  );
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('score', () => {
  test.each(['kv', 'tables', 'states', 'ids'])('agrees with PyTorch in mode %s', async (mode) => {
    for (const name of ['window', 'hybrid', 'learned']) {
      const file = join(cases, name, 'case.json');
      const { nll, loss } = JSON.parse(await readFile(file, 'utf8')) as { nll: number[]; loss: number };
      const args = ['--model', join(cases, name), '--tokens', file, '--context', mode, '--json'];
      const { status, out } = await run('score', ...args);
      expect(status).toBe(0);
      const result = JSON.parse(out) as Record<string, unknown> & { nll: number[]; loss: number };
      expect(Object.keys(result)).toEqual([
        'nll',
        'loss',
        'contextMode',
        'contextBytes',
        'tableBytes',
        'backend',
        'device',
      ]);
      expect(result.contextMode).toBe(mode);
      expect(result.nll).toHaveLength(nll.length);
      const worst = Math.max(...nll.map((value, i) => Math.abs(value - (result.nll[i] as number))));
      expect(worst).toBeLessThan(2e-4 * Math.max(...nll));
      expect(Math.abs(result.loss - loss)).toBeLessThan(1e-4);
    }
  });

  test('scores chosen positions of a long text, in the order asked for', async () => {
    const file = join(cases, 'long-rope', 'case.json');
    const { nll_at_positions: nll } = JSON.parse(await readFile(file, 'utf8')) as { nll_at_positions: number[] };
    const args = ['--model', join(cases, 'long-rope'), '--tokens', file, '--positions', '32999,0,1024', '--json'];
    const { out } = await run('score', ...args);
    const result = JSON.parse(out) as { nll: number[] };
    const expected = [nll[4], nll[0], nll[2]] as number[];
    for (const [i, value] of expected.entries()) expect(Math.abs((result.nll[i] as number) - value)).toBeLessThan(1e-3);
  });

  test('prints a summary for people', async () => {
    const { status, out } = await run('score', '--model', model, '--tokens', await tokensFile('t.json', [1, 2, 3]));
    expect(status).toBe(0);
    expect(out).toMatch(/^loss \d+\.\d+ nats over 2 tokens/);
  });
});

describe('generate', () => {
  test('gives the fields of the design, and the same tokens for the same seed', async () => {
    const args = ['--model', model, '--prompt', 'Call me', '--max-tokens', '6', '--temperature', '1', '--json'];
    const [first, second, other] = await Promise.all([
      run('generate', ...args, '--seed', '1'),
      run('generate', ...args, '--seed', '1'),
      run('generate', ...args, '--seed', '2'),
    ]);
    const result = JSON.parse(first.out) as Record<string, unknown>;
    const speed = ['timeToFirstTokenMs', 'tokensPerSecond'];
    const memory = ['contextBytes', 'tableBytes', 'peakBytes', 'contextMode'];
    expect(Object.keys(result)).toEqual(['tokens', 'text', ...speed, ...memory, 'backend', 'device', 'finishReason']);
    expect(result.tokens).toHaveLength(6);
    expect(result.finishReason).toBe('length');
    expect((JSON.parse(second.out) as { tokens: number[] }).tokens).toEqual(result.tokens);
    expect((JSON.parse(other.out) as { tokens: number[] }).tokens).not.toEqual(result.tokens);
  });

  test('generates the same in every mode, from text or from ids', async () => {
    const prompt = await tokensFile('prompt.json', { tokens: [...new TextEncoder().encode('Call me')] });
    const outputs = await Promise.all(
      ['kv', 'tables', 'states', 'ids'].map((mode) =>
        run('generate', '--model', model, '--tokens', prompt, '--max-tokens', '5', '--context', mode, '--json'),
      ),
    );
    const tokens = outputs.map(({ out }) => (JSON.parse(out) as { tokens: number[] }).tokens.join());
    expect(new Set(tokens).size).toBe(1);
  });

  test('streams text to standard output, with statistics on standard error', async () => {
    const { status, out, error } = await run('generate', '--model', model, '--prompt', 'Call', '--max-tokens', '3');
    expect(status).toBe(0);
    expect(out.endsWith('\n')).toBe(true);
    expect(error).toMatch(/3 tokens \(length\)/);
  });

  test('takes exactly one prompt', async () => {
    for (const prompt of [[], ['--prompt', 'a', '--prompt-file', 'b']]) {
      const { status, error } = await run('generate', '--model', model, '--max-tokens', '1', ...prompt);
      expect(status).toBe(2);
      expect(error).toContain('one of --prompt, --prompt-file and --tokens');
    }
  });

  test('says what a model without tokenizer needs', async () => {
    const args = ['--model', join(cases, 'rope'), '--prompt', 'hello', '--max-tokens', '1'];
    const { status, error } = await run('generate', ...args);
    expect(status).toBe(1);
    expect(error).toContain('tokenizer.json');
  });
});

describe('weights in other dtypes', () => {
  /** The model folder with matrices in F16. */
  async function halfModel(): Promise<string> {
    const path = join(folder, 'half-model');
    await mkdir(path, { recursive: true });
    await writeFile(join(path, 'config.json'), JSON.stringify(serializeConfig(config)));
    const tensors = [...randomWeights(config, { seed: 3, deviation: 0.3 })];
    await writeFile(
      join(path, 'model.safetensors'),
      writeSafetensors(tensors.map((tensor) => ({ ...tensor, dtype: tensor.shape.length > 1 ? 'F16' : 'F32' }))),
    );
    return path;
  }

  test('score and generate load them; f16 files stay f16, and give the same as f32 does', async () => {
    const tokens = await tokensFile('dtypes.json', [1, 2, 3, 4, 5]);
    const lossOf = async (path: string, ...rest: string[]) => {
      const { status, out } = await run('score', '--model', path, '--tokens', tokens, '--json', ...rest);
      expect(status).toBe(0);
      return (JSON.parse(out) as { loss: number }).loss;
    };
    const half = await halfModel();
    const [exact, rounded] = [await lossOf(model), await lossOf(model, '--weight-dtype', 'f16')];
    expect(rounded).not.toBe(exact);
    expect(Math.abs(rounded - exact)).toBeLessThan(0.01 * exact);
    expect(Math.abs((await lossOf(half)) - rounded)).toBeLessThan(1e-5);
    expect(Math.abs((await lossOf(half, '--weight-dtype', 'f32')) - rounded)).toBeLessThan(1e-5);
    const args = ['--model', half, '--prompt', 'Call', '--max-tokens', '2', '--weight-dtype', 'f16', '--json'];
    expect((await run('generate', ...args)).status).toBe(0);
  });

  test('plan says what they take', async () => {
    const planned = async (path: string, ...rest: string[]) =>
      JSON.parse((await run('plan', '--model', path, '--tokens', '300', '--json', ...rest)).out) as unknown;
    for (const weightDType of ['f32', 'f16', 'i8'] as const) {
      expect(await planned(model, '--weight-dtype', weightDType)).toEqual(plan(config, { tokens: 300, weightDType }));
    }
    expect(await planned(model)).toEqual(plan(config, { tokens: 300, weightDType: 'f32' }));
    expect(await planned(await halfModel())).toEqual(plan(config, { tokens: 300, weightDType: 'f16' }));
    const bare = join(folder, 'bare');
    await mkdir(bare);
    await writeFile(join(bare, 'config.json'), JSON.stringify(serializeConfig(config)));
    expect(await planned(bare)).toEqual(plan(config, { tokens: 300 }));
    const table = await run('plan', '--model', model, '--tokens', '300', '--weight-dtype', 'i8');
    expect(table.out).toContain('f32 contexts, i8 weights');
  });

  test('i8 weights score near f32 ones, alike in every mode', async () => {
    const tokens = await tokensFile('blocks.json', [1, 2, 3, 4, 5, 2, 3, 200]);
    const losses: number[] = [];
    for (const mode of ['kv', 'tables', 'states', 'ids']) {
      const args = ['--model', model, '--tokens', tokens, '--context', mode, '--weight-dtype', 'i8', '--json'];
      const { status, out } = await run('score', ...args);
      expect(status).toBe(0);
      losses.push((JSON.parse(out) as { loss: number }).loss);
    }
    const { out } = await run('score', '--model', model, '--tokens', tokens, '--json');
    const exact = (JSON.parse(out) as { loss: number }).loss;
    for (const loss of losses) expect(Math.abs(loss - (losses[0] as number))).toBeLessThan(1e-4 * exact);
    expect(Math.abs((losses[0] as number) - exact)).toBeLessThan(0.05 * exact);
    expect(losses[0]).not.toBe(exact);
  });
});

describe('plan, inspect, doctor', () => {
  test('plan prints what core plans', async () => {
    const args = ['--model', model, '--tokens', '5000', '--distinct', '200', '--budget', '2MiB', '--json'];
    const { out } = await run('plan', ...args);
    expect(JSON.parse(out)).toEqual(plan(config, { tokens: 5000, distinct: 200, budget: 2 * 2 ** 20 }));
    const table = await run('plan', '--model', model, '--tokens', '5000');
    for (const word of ['kv', 'tables', 'states', 'ids', 'auto takes this']) expect(table.out).toContain(word);
  });

  test('inspect shows configuration, tensors and parameters', async () => {
    const { status, out } = await run('inspect', '--model', model, '--json');
    const facts = JSON.parse(out) as { parameters: number; tensors: unknown[]; supports: { contextModes: string[] } };
    expect(status).toBe(0);
    expect(facts.tensors).toHaveLength(21);
    expect(facts.supports.contextModes).toEqual(['tables', 'kv', 'states', 'ids']);
    expect((await run('inspect', '--model', model)).out).toContain('model.layers.1.mlp.down_proj.weight');
  });

  test('doctor finds the backends', async () => {
    const { status, out } = await run('doctor', '--json');
    const report = JSON.parse(out) as { backends: { backend: string; works: boolean }[] };
    expect(status).toBe(0);
    expect(report.backends).toMatchObject([
      { backend: 'cuda', works: true },
      { backend: 'webgpu', works: true },
      { backend: 'cpu', works: true },
    ]);
    const text = (await run('doctor')).out;
    expect(text).toMatch(/cuda \(@inattention\/cuda\): works\n {2}. NVIDIA GPU: /);
    for (const piece of ['libtensorflow: ', 'binding: tfjs-node-gpu', 'device: ']) expect(text).toContain(piece);
    expect(text).toMatch(/webgpu \(@inattention\/webgpu\): works\n {2}✓ adapter: /);
  });
});

describe('help and usage', () => {
  test('every verb explains itself', async () => {
    expect((await run('--version')).out).toBe('1.2.3\n');
    for (const verb of ['score', 'generate', 'plan', 'inspect', 'bench', 'doctor']) {
      const { status, out } = await run(verb, '--help');
      expect(status).toBe(0);
      expect(out).toContain(`Usage: inattention ${verb}`);
    }
  });

  test.each([
    [['unknown-verb']],
    [['score']],
    [['score', '--model', 'x']],
    [['score', '--model', 'x', '--tokens', 'y', '--context', 'vast']],
    [['score', '--model', 'x', '--tokens', 'y', '--positions', '1,two']],
    [['score', '--model', 'x', '--tokens', 'y', '--positions', '-1']],
    [['score', '--model', 'x', '--tokens', 'y', '--budget', 'plenty']],
    [['score', '--model', 'x', '--tokens', 'y', '--backend', 'abacus']],
    [['generate', '--model', 'x', '--prompt', 'y', '--max-tokens', 'many']],
    [['score', '--model', 'x', '--tokens', 'y', '--weight-dtype', 'q4']],
    [['plan', '--model', 'x', '--tokens', '1.5']],
    [['plan', '--model', 'x', '--tokens', '1', '--surprise']],
    [['bench', '--lengths', '0']],
    [['bench', '--threads', '2']],
    [['bench', '--kernels', '--rounds', '1']],
    [['bench', '--sessions', '2', '--report', 'x.html']],
  ])('bad usage exits with 2: %j', async (args) => {
    const { status, out, error } = await run(...args);
    expect(status).toBe(2);
    expect(out).toBe('');
    expect(error).toMatch(/error: /);
  });
});

describe('bad files and ids exit with 1, readably', () => {
  /** Everything a failing run must be. */
  async function expectFailure(args: string[], ...words: string[]) {
    const { status, out, error } = await run(...args);
    expect(status).toBe(1);
    expect(out).toBe('');
    expect(error).toMatch(/^error: /);
    expect(error).not.toMatch(/\n\s+at /);
    for (const word of words) expect(error).toContain(word);
  }
  const score = (path: string, tokens: string, ...rest: string[]) => [
    'score',
    '--model',
    path,
    '--tokens',
    tokens,
    ...rest,
  ];

  test('folders and configurations', async () => {
    const tokens = await tokensFile('good.json', [1, 2, 3]);
    await expectFailure(score(join(folder, 'nowhere'), tokens), 'nowhere');
    await expectFailure(score(join(model, 'config.json'), tokens), 'expected:');
    await expectFailure(score(await spoiled('no-json', { 'config.json': '{' }), tokens), 'JSON');
    const other = JSON.stringify({ ...serializeConfig(config), intermediate_size: 40 });
    await expectFailure(
      score(await spoiled('contradiction', { 'config.json': other }), tokens),
      '[48, 32]',
      '[40, 32]',
    );
    const unknown = JSON.stringify({ ...serializeConfig(config), model_type: 'gpt2' });
    await expectFailure(score(await spoiled('gpt2', { 'config.json': unknown }), tokens), 'model_type');
  });

  test('weights', async () => {
    const tokens = await tokensFile('good2.json', [1, 2, 3]);
    const bytes = new Uint8Array(await readFile(join(model, 'model.safetensors')));
    const spoil = async (name: string, file: Uint8Array) => spoiled(name, { 'model.safetensors': file });
    await expectFailure(score(await spoil('truncated', bytes.slice(0, -10)), tokens), 'to fix:');
    await expectFailure(score(await spoil('empty', new Uint8Array(0)), tokens));
    const huge = bytes.slice();
    huge.set([255, 255, 255, 255, 255, 255, 255, 127]);
    await expectFailure(score(await spoil('huge-header', huge), tokens), 'header');
    const weights = [...randomWeights(config)].map((weight) => ({ ...weight, data: weight.data.slice() }));
    (weights[2] as { data: Float32Array }).data[5] = Number.NaN;
    await expectFailure(score(await spoil('nan', writeSafetensors(weights)), tokens), 'NaN', weights[2]?.name ?? '');
    await expectFailure(score(await spoil('missing', writeSafetensors(weights.slice(1))), tokens), 'embed_tokens');
  });

  test('tokens, positions and budgets', async () => {
    for (const [name, content, word] of [
      ['fraction', [1, 2.5], '2.5'],
      ['beyond', [1, 256], '256'],
      ['negative', [-1, 2], '-1'],
      ['text', ['a', 'b'], '"a"'],
      ['object', { ids: [1] }, 'tokens'],
      ['empty', [], 'too short'],
      ['single', [7], 'too short'],
      ['broken', '[1, 2', 'JSON'],
    ] as const) {
      await expectFailure(score(model, await tokensFile(`${name}.json`, content)), word);
    }
    const good = await tokensFile('good3.json', [1, 2, 3]);
    await expectFailure(score(model, join(folder, 'no-such-file.json')), 'no-such-file.json');
    await expectFailure(score(model, good, '--positions', '2'), 'position');
    await expectFailure(score(model, good, '--context', 'kv', '--budget', '100'), '100 bytes', 'budget');
  });
});
