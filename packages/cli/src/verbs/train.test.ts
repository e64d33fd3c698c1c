import { existsSync } from 'node:fs';
import { mkdir, mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runProgram } from '../program.ts';

let folder = '';
let text = '';
const small = ['--layers', '2', '--hidden-size', '16', '--heads', '2', '--vocab-size', '300', '--context-length', '32'];
const short = ['--batch', '2', '--evaluate-every', '10', '--evaluate-batches', '2', '--checkpoint-every', '5'];
const cpu = ['--backend', 'cpu', '--json'];

/** Runs `inattention train`; it is cancelled when it says what `until` matches. */
async function train(args: readonly string[], until?: RegExp) {
  let out = '';
  let error = '';
  const controller = new AbortController();
  const status = await runProgram(
    ['train', ...args],
    {
      out: (part) => {
        out += part;
      },
      error: (part) => {
        error += part;
        if (until?.test(error)) controller.abort();
      },
      interactive: until !== undefined,
      signal: controller.signal,
    },
    '1.2.3',
  );
  return { status, out, error };
}

/** Runs another verb. */
async function verb(args: readonly string[]) {
  let out = '';
  const signal = new AbortController().signal;
  const terminal = { out: (part: string) => (out += part), error: () => undefined, interactive: false, signal };
  return { status: await runProgram([...args], terminal, '1.2.3'), out };
}

const configOf = async (model: string) =>
  JSON.parse(await readFile(join(model, 'config.json'), 'utf8')) as Record<string, unknown>;

const lossesOf = async (out: string) =>
  (await readFile(join(out, 'metrics.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { loss: number }).loss);

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inattention-train-'));
  text = join(folder, 'text.txt');
  const words = ['whale', 'ship', 'sea', 'captain', 'harpoon', 'white', 'the', 'of', 'and', 'sails'];
  const lines = Array.from({ length: 400 }, (_, line) =>
    Array.from({ length: 8 }, (_, word) => words[(line * line + word * 3) % 10]).join(' '),
  );
  await writeFile(text, lines.join('\n'));
});

afterAll(() => rm(folder, { recursive: true, force: true }));

describe('train', () => {
  test('makes a model that other verbs run, and goes on exactly after it was cancelled', async () => {
    const whole = join(folder, 'whole');
    const flags = ['--data', text, ...small, ...short, '--steps', '24', ...cpu];
    const done = await train([...flags, '--out', whole]);
    expect(done).toMatchObject({ status: 0 });
    const result = JSON.parse(done.out) as { steps: number; loss: number; validationLoss: number; backend: string };
    expect(result).toMatchObject({ steps: 24, backend: 'cpu', out: whole });
    const expected = await lossesOf(whole);
    expect(expected).toHaveLength(24);
    expect(result.loss).toBe(expected[23]);
    expect(result.loss).toBeLessThan((expected[0] as number) - 0.5);
    expect(result.validationLoss).toBeGreaterThan(0);
    expect((await readdir(whole)).sort()).toEqual([
      'checkpoints',
      'config.json',
      'data.tokens',
      'metrics.jsonl',
      'model.safetensors',
      'run.json',
      'tokenizer.json',
    ]);
    expect(await readdir(join(whole, 'checkpoints'))).toContain('step-00000024');

    const stopped = join(folder, 'stopped');
    const cancelled = await train([...flags, '--out', stopped], /step 13 of 24/);
    expect(cancelled.status).toBe(130);
    expect(existsSync(join(stopped, 'config.json'))).toBe(false);
    expect(await lossesOf(stopped)).toEqual(expected.slice(0, 13));
    expect((await train(['--out', stopped, '--resume', '--json'])).status).toBe(0);
    expect(await lossesOf(stopped)).toEqual(expected);

    let out = '';
    const terminal = { error: () => undefined, interactive: false, signal: new AbortController().signal };
    const generate = ['generate', '--model', stopped, '--prompt', 'the whale', '--max-tokens', '4', '--backend', 'cpu'];
    const write = (part: string) => {
      out += part;
    };
    const status = await runProgram(generate, { ...terminal, out: write }, '1.2.3');
    expect(status).toBe(0);
    expect(out.length).toBeGreaterThan(1);
  });

  test('starts from a model, at a longer context and at chosen positions', async () => {
    const from = join(folder, 'base');
    expect((await train(['--data', text, ...small, ...short, '--steps', '2', ...cpu, '--out', from])).status).toBe(0);
    const out = join(folder, 'longer');
    const flags = ['--context-length', '96', '--positions', '8', '--steps', '3', '--batch', '1', ...cpu];
    const done = await train(['--from', from, '--data', text, '--out', out, ...flags]);
    expect(done.error).toContain('step 3 of 3');
    expect(JSON.parse(done.out)).toMatchObject({ steps: 3, tokens: 288 });
    const tokenizer = (path: string) => readFile(join(path, 'tokenizer.json'), 'utf8');
    expect(await tokenizer(out)).toBe(await tokenizer(from));
    expect(done.error).toContain('positions from 32 to 96: rope, base 10000, yarn by 3 from 32\n');
    expect(await configOf(out)).toMatchObject({
      max_position_embeddings: 96,
      rope_scaling: { rope_type: 'yarn', factor: 3, original_max_position_embeddings: 32 },
    });

    // Whoever opens the folder turns the positions that it was trained with.
    const tokens = join(folder, 'ids.json');
    await writeFile(tokens, JSON.stringify(Array.from({ length: 91 }, (_, place) => (place * 37) % 200)));
    const lossOf = async (model: string) => {
      const scored = await verb(['score', '--model', model, '--tokens', tokens, ...cpu]);
      expect(scored.status).toBe(0);
      return (JSON.parse(scored.out) as { loss: number }).loss;
    };
    const scaled = await lossOf(out);
    const { rope_scaling: _, ...plain } = await configOf(out);
    await writeFile(join(out, 'config.json'), JSON.stringify(plain));
    expect(await lossOf(out)).not.toBe(scaled);
  });

  test.each([
    [['--rope-scaling', 'linear'], { rope_scaling: { rope_type: 'linear', factor: 2 } }],
    [['--rope-scaling', 'ntk'], { rope_theta: 10_000 * 2 ** (8 / 6) }],
    [['--rope-scaling', 'none'], { rope_theta: 10_000 }],
  ])('stretches positions by %j, and resumes so', async (flags, expected) => {
    const from = join(folder, `from-${flags[1]}`);
    const base = ['--data', text, ...small, ...short, '--steps', '1', ...cpu, '--out', from];
    expect((await train(base)).status).toBe(0);
    const run = [...flags, '--context-length', '64', '--positions', '8', '--steps', '6', '--batch', '1', ...cpu];
    const whole = join(folder, `whole-${flags[1]}`);
    expect((await train(['--from', from, '--data', text, '--out', whole, ...run])).status).toBe(0);
    const config = await configOf(whole);
    expect(config).toMatchObject({ max_position_embeddings: 64, ...expected });
    expect('rope_scaling' in config).toBe('rope_scaling' in expected);
    const stopped = join(folder, `stopped-${flags[1]}`);
    const cancelled = await train(['--from', from, '--data', text, '--out', stopped, ...run], /step 2 of 6/);
    expect(cancelled.status).toBe(130);
    expect((await train(['--out', stopped, '--resume', '--json'])).status).toBe(0);
    expect(await configOf(stopped)).toEqual(config);
    expect(await lossesOf(stopped)).toEqual(await lossesOf(whole));
  });

  test('extends a self-attention twin alike, and leaves ALiBi as it is', async () => {
    for (const [name, kind, scaling] of [
      ['twin', ['--attention', 'self'], { rope_scaling: { rope_type: 'yarn', factor: 2 } }],
      ['alibi', ['--position-embedding', 'alibi'], {}],
    ] as const) {
      const from = join(folder, `from-${name}`);
      const base = ['--data', text, ...small, ...kind, ...short, '--steps', '1', ...cpu, '--out', from];
      expect((await train(base)).status).toBe(0);
      const out = join(folder, name);
      const run = ['--context-length', '64', '--positions', '8', '--steps', '2', '--batch', '1', ...cpu];
      expect((await train(['--from', from, '--data', text, '--out', out, ...run])).status).toBe(0);
      const config = await configOf(out);
      expect(config).toMatchObject({ max_position_embeddings: 64, ...scaling });
      expect('rope_scaling' in config).toBe('rope_scaling' in scaling);
      const again = join(folder, `${name}-again`);
      const yarn = await train(['--from', from, '--data', text, '--out', again, ...run, '--rope-scaling', 'yarn']);
      expect(yarn.status).toBe(name === 'alibi' ? 1 : 0);
      if (name === 'alibi') expect(yarn.error).toContain('Only rotary positions are scaled');
    }
  });

  test('tells people what it did', async () => {
    const out = join(folder, 'told');
    const flags = [
      '--data',
      text,
      ...small,
      '--tokenizer',
      'bytes',
      '--steps',
      '2',
      '--validation',
      '0',
      '--backend',
      'cpu',
    ];
    const done = await train([...flags, '--out', out]);
    expect(done.out).toMatch(/told: \d+ parameters, 2 steps, loss \d\.\d{4}\n/);
    expect(done.error).toMatch(/step 2 of 2: loss \d\.\d{4}, smoothed \d\.\d{4}, rate \S+, \d+ tokens\/s, 0 s left\n/);
  });
});

describe('train refuses, and leaves nothing', () => {
  test.each([
    ['no data', [], 2],
    ['no such flag', ['--data', 'x', '--speed', '9'], 2],
    ['a share of 1', ['--data', 'x', '--validation', '1'], 2],
    ['a rate below 0', ['--data', 'x', '--learning-rate', '-1'], 2],
    ['sizes of a model that it is to load', ['--data', 'x', '--from', 'somewhere', '--layers', '3'], 2],
    ['a rule for positions of a new model', ['--data', 'x', '--rope-scaling', 'yarn'], 2],
    ['a rule for positions that there is not', ['--data', 'x', '--from', 'x', '--rope-scaling', 'dynamic'], 2],
    ['a run that is not there', ['--resume'], 1],
    ['a file that is not there', ['--data', 'nowhere.txt'], 1],
    ['a model that is not there', ['--data', 'TEXT', '--from', 'nowhere'], 1],
    ['an empty file', ['--data', 'EMPTY'], 1],
    ['texts shorter than its texts are to be', ['--data', 'TINY', '--tokenizer', 'bytes'], 1],
    ['sizes that do not fit', ['--data', 'TEXT', '--tokenizer', 'bytes', '--hidden-size', '30', '--heads', '4'], 1],
    ['a warm-up longer than the run', ['--data', 'TEXT', '--steps', '5', '--warmup', '9'], 1],
  ])('%s', async (_, flags, status) => {
    const empty = join(folder, 'empty.txt');
    const tiny = join(folder, 'tiny.txt');
    await writeFile(empty, '');
    await writeFile(tiny, 'x');
    const files: Record<string, string> = { TEXT: text, EMPTY: empty, TINY: tiny };
    const out = join(folder, 'refused');
    const done = await train(['--out', out, ...flags.map((flag) => files[flag] ?? flag)]);
    expect(done).toMatchObject({ status, out: '' });
    expect(done.error).not.toContain('unexpected');
    expect(existsSync(out)).toBe(false);
  });

  test('a folder with a run, and other flags for it', async () => {
    const out = join(folder, 'taken');
    await mkdir(out);
    await writeFile(join(out, 'run.json'), '{}');
    expect((await train(['--data', text, '--out', out])).error).toContain('holds a run already');
    const other = await train(['--out', out, '--resume', '--learning-rate', '1']);
    expect(other).toMatchObject({ status: 2 });
    expect(other.error).toContain('--learning-rate');
    expect(await readdir(out)).toEqual(['run.json']);
    expect((await train(['--out', out, '--resume'])).error).toContain('no run to resume');
  });

  test('texts longer than the positions that a model has learned', async () => {
    const from = join(folder, 'learned');
    const learned = ['--position-embedding', 'learned', '--tokenizer', 'bytes', '--steps', '1', ...small, ...cpu];
    expect((await train(['--data', text, '--out', from, ...learned])).status).toBe(0);
    const out = join(folder, 'too-long');
    const done = await train(['--data', text, '--from', from, '--context-length', '33', '--out', out]);
    expect(done).toMatchObject({ status: 1 });
    expect(done.error).toContain('at most 32');
    expect(existsSync(out)).toBe(false);
  });

  test('says what a run would take, and refuses one that would take more, before anything is written', async () => {
    const out = join(folder, 'planned');
    const flags = ['--data', text, '--out', out, ...small, '--batch', '4'];
    const planned = await train([...flags, '--plan', '--json']);
    expect(planned.status).toBe(0);
    const plan = JSON.parse(planned.out) as { peakBytes: number; context: string; bytes: Record<string, number> };
    expect(plan).toMatchObject({ context: 'dense', checkpointedLayers: 0, fits: true });
    expect(plan.bytes.optimizer).toBeGreaterThan(8 * 300 * 16);
    const words = await train([...flags, '--plan', '--memory', '1MB']);
    expect(words.out).toMatch(/4 texts of 32 positions[\s\S]*optimizer: [\s\S]*peak, at most: .*does not fit/);
    const tables = ['--context-length', '2048', '--positions', '8', '--tokenizer', 'bytes', '--plan', '--json'];
    expect(JSON.parse((await train([...flags, ...tables])).out)).toMatchObject({ context: 'tables' });
    const refused = await train([...flags, ...cpu, '--memory', '17MB']);
    expect(refused.status).toBe(1);
    expect(refused.error).toMatch(/would exceed its memory[\s\S]*at most 17.0 MB[\s\S]*smaller --batch/);
    expect(existsSync(out)).toBe(false);
  });

  test('gives the same losses however much is computed again', async () => {
    const flags = ['--data', text, ...small, ...short, '--steps', '3', ...cpu];
    const [kept, again] = [join(folder, 'kept'), join(folder, 'again')];
    expect(await train([...flags, '--out', kept, '--checkpointing', 'none'])).toMatchObject({ status: 0 });
    expect(await train([...flags, '--out', again, '--checkpointing', 'layers'])).toMatchObject({ status: 0 });
    expect(await lossesOf(again)).toEqual(await lossesOf(kept));
  });
});
