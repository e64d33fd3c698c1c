import { existsSync } from 'node:fs';
import { mkdtemp, readdir, readFile, rm, writeFile } from 'node:fs/promises';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { runProgram } from '../program.ts';

let folder = '';
const at = (name: string) => join(folder, name);

/** Runs a verb; it is cancelled when it says what `until` matches. */
async function run(args: readonly string[], until?: RegExp) {
  const texts = { out: '', error: '' };
  const controller = new AbortController();
  const terminal = {
    out: (part: string) => {
      texts.out += part;
    },
    error: (part: string) => {
      texts.error += part;
      if (until?.test(texts.error)) controller.abort();
    },
    interactive: until !== undefined,
    signal: controller.signal,
  };
  return { status: await runProgram([...args], terminal, '1.2.3'), ...texts };
}

const lossesOf = async (out: string) =>
  (await readFile(join(out, 'metrics.jsonl'), 'utf8'))
    .trim()
    .split('\n')
    .map((line) => (JSON.parse(line) as { loss: number }).loss);
const configOf = async (model: string) =>
  JSON.parse(await readFile(join(model, 'config.json'), 'utf8')) as Record<string, unknown>;

const cpu = ['--backend', 'cpu', '--json'];
const short = ['--batch', '2', '--context-length', '32', '--evaluate-every', '4', '--checkpoint-every', '3', ...cpu];
const small = ['--layers', '3', '--hidden-size', '16', '--heads', '2', '--vocab-size', '300', '--window', '1'];

/** `inattention train` on the text. */
const train = (args: readonly string[], until?: RegExp) => run(['train', '--data', at('text.txt'), ...args], until);
const heal = ['--distill', '--train', 'switched', '--switch', '2,1', '--switch-every', '4'];

beforeAll(async () => {
  folder = await mkdtemp(join(tmpdir(), 'inattention-switching-'));
  const words = ['whale', 'ship', 'sea', 'captain', 'harpoon', 'white', 'the', 'of', 'and', 'sails'];
  const lines = Array.from({ length: 300 }, (_, line) =>
    Array.from({ length: 8 }, (_, word) => words[(line * line + word * 3) % 10]).join(' '),
  );
  await writeFile(at('text.txt'), lines.join('\n'));
  const base = await train([...small, ...short, '--attention', 'self', '--steps', '12', '--out', at('base')]);
  expect(base).toMatchObject({ status: 0 });
  for (const [format, to] of [
    ['safetensors', 'hugging-face'],
    ['gguf', 'base.gguf'],
  ] as const) {
    const converted = await run(['convert', '--from', at('base'), '--to', at(to), '--format', format, '--json']);
    expect(converted.status).toBe(0);
  }
  await writeFile(at('hugging-face/chat_template.jinja'), '{{ bos_token }}');
}, 60_000);
afterAll(() => rm(folder, { recursive: true, force: true }));

describe('train --switch --distill', () => {
  test.each(['base', 'hugging-face', 'base.gguf'])(
    'switches and heals %s layer by layer, and goes on exactly',
    async (from) => {
      const whole = at(`whole-${from}`);
      const flags = ['--from', at(from), ...short, ...heal];
      const done = await train([...flags, '--out', whole]);
      expect(done).toMatchObject({ status: 0 });
      const types = ['self', 'inattention', 'inattention'];
      expect(JSON.parse(done.out)).toMatchObject({ steps: 8, attentionTypes: types });
      expect(done.error).toContain('step 1: layer 2 is inattention from here on');
      expect(done.error).toContain('step 5: layer 1 is inattention from here on');
      expect(await configOf(whole)).toMatchObject({ model_type: 'inattention', attention_types: types });
      expect(await configOf(join(whole, 'checkpoints', 'step-00000003')).catch(() => null)).toBeNull(); // two are kept
      expect(await readdir(whole)).toEqual(expect.arrayContaining(['tokenizer.json', 'model.safetensors']));
      if (from === 'base.gguf') expect(existsSync(join(whole, 'tokenizer_config.json'))).toBe(true);
      if (from === 'hugging-face')
        expect(await readFile(join(whole, 'chat_template.jinja'), 'utf8')).toBe('{{ bos_token }}');
      const losses = await lossesOf(whole);
      expect(losses).toHaveLength(8);
      if (from !== 'base.gguf') return;
      for (const [step, layers] of [
        [3, ['self', 'self', 'inattention']],
        [5, types],
      ] as const) {
        const stopped = at(`stopped-${from}-${step}`);
        const cancelled = await train([...flags, '--out', stopped], new RegExp(`step ${step} of 8`));
        expect(cancelled.status).toBe(130);
        const checkpoint = join(stopped, 'checkpoints', `step-0000000${step}`);
        expect(await configOf(checkpoint)).toMatchObject({ attention_types: layers });
        const resumed = await run(['train', '--out', stopped, '--resume', '--json']);
        expect(resumed).toMatchObject({ status: 0 });
        expect(await lossesOf(stopped)).toEqual(losses);
      }
      const generated = await run(['generate', '--model', whole, '--prompt', 'the', '--max-tokens', '3', ...cpu]);
      expect(generated.status).toBe(0);
    },
    60_000,
  );

  test('switches at the start, gives a window, and trains all of it from the text', async () => {
    const flags = ['--from', at('base.gguf'), ...short, '--attention', '1=inattention', '--window', '2'];
    const done = await train([...flags, '--steps', '5', '--out', at('started')]);
    expect(done.error).toContain('step 5 of 5');
    expect(await configOf(at('started'))).toMatchObject({
      attention_types: ['self', 'inattention', 'self'],
      initial_state_window: 2,
    });
    const stopped = at('started-stopped');
    expect((await train([...flags, '--steps', '5', '--out', stopped], /step 2 of 5/)).status).toBe(130);
    expect((await run(['train', '--out', stopped, '--resume', '--json'])).status).toBe(0);
    expect(await lossesOf(stopped)).toEqual(await lossesOf(at('started')));

    // What was healed a little goes on, and learns from the original again.
    const more = ['--from', at('started'), '--distill', at('base'), '--distill-temperature', '2', '--steps', '2'];
    const again = await train([...more, '--distill-weight', '0.5', ...short, '--out', at('more')]);
    expect(again).toMatchObject({ status: 0 });
    expect(JSON.parse(again.out)).toMatchObject({ attentionTypes: ['self', 'inattention', 'self'] });
  }, 60_000);

  test('plans what distillation takes: less where the original is shared', async () => {
    const plan = async (...flags: string[]) => {
      const planned = await train(['--from', at('base.gguf'), ...short, ...flags, '--plan', '--out', at('planned')]);
      expect(planned.status).toBe(0);
      return (JSON.parse(planned.out) as { bytes: Record<string, number> }).bytes;
    };
    const [plain, shared] = [await plan(), await plan(...heal)];
    const apart = await plan('--distill', at('base'), '--switch', '2,1', '--train', 'switched');
    expect(shared.optimizer).toBeLessThan(plain.optimizer as number);
    expect(apart.weights).toBeGreaterThan(shared.weights as number);
    expect(existsSync(at('planned'))).toBe(false);
  });

  test.each([
    [['--switch', '1'], /--switch is for models that are there: give --from/],
    [['--distill'], /--distill is for models that are there/],
    [['--from', 'x', '--switch-every', '3'], /--switch-every goes with --switch/],
    [['--from', 'x', '--distill-weight', '0.5'], /--distill-weight goes with --distill/],
    [['--from', 'x', '--distill', '--distill-weight', '2'], /from 0 to 1/],
    [['--from', 'x', '--distill', '--distill-temperature', '0'], /above 0/],
    [['--from', 'x', '--switch', '1,1'], /names a layer once/],
    [['--from', 'x', '--attention', 'some'], /LAYERS=KIND/],
  ])('is bad usage: %j', async (flags, message) => {
    const { status, error } = await train([...flags, '--out', at('unused')]);
    expect(status).toBe(2);
    expect(error).toMatch(message);
  });

  test('refuses what does not fit the model, and writes nothing', async () => {
    const other = await train([...small, ...short, '--vocab-size', '290', '--steps', '1', '--out', at('other')]);
    expect(other.status).toBe(0);
    for (const [flags, message] of [
      [['--attention', '3=inattention'], /no such layer/],
      [['--switch', '7'], /no such layer/],
      [['--attention', '1=inattention', '--switch', '1'], /switched already/],
      [['--switch', '0,1,2', '--switch-every', '10', '--steps', '20'], /ends before its last layer is switched/],
      [['--train', 'switched'], /nothing to train/],
      [['--distill', at('other')], /another vocabulary/],
      [['--distill', '--context-length', '64'], /cannot teach texts of this length/],
    ] as const) {
      const out = at('refused');
      const { status, error } = await train(['--from', at('base.gguf'), ...short, ...flags, '--out', out]);
      expect(error).toMatch(message);
      expect(status).toBe(1);
      expect(existsSync(join(out, 'run.json'))).toBe(false);
      await rm(out, { recursive: true, force: true });
    }
  }, 60_000);
});
