import { InAttentionError } from '@inattention/core';
import { CommanderError } from 'commander';
import { describe, expect, test } from 'vitest';
import { benchCommand } from './command.ts';

/** Runs the command on flags that are to be refused before anything is measured: the error, and what was said of it. */
async function refusal(args: string) {
  const texts = { out: '', error: '', usage: '' };
  const command = benchCommand({
    out: (text) => {
      texts.out += text;
    },
    error: (text) => {
      texts.error += text;
    },
    interactive: false,
    signal: AbortSignal.abort(),
  }).exitOverride();
  command.configureOutput({
    writeErr: (text) => {
      texts.usage += text;
    },
  });
  const error: unknown = await command.parseAsync(args.split(' '), { from: 'user' }).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect([texts.out, texts.error]).toEqual(['', '']);
  return { error, usage: texts.usage };
}

const sweepFlags = ['--lengths 48', '--self-up-to 48', '--warm-up other', '--round-time 1'];
const modelFlags = ['--shape small', '--variants kv', '--context-dtype f16', '--weight-dtype i8', '--window 2'];

describe('flags that do not apply', () => {
  test.each([
    ...[...sweepFlags, ...modelFlags, '--memory 1MB', '--report x.html'].map((flag) => `--kernels ${flag}`),
    ...[...sweepFlags, ...modelFlags, '--backend cpu', '--report x.html'].map((flag) => `--training ${flag}`),
    ...[...sweepFlags, '--report x.html'].map((flag) => `--sessions 2 ${flag}`),
    ...['--warm-up other', '--round-time 1', ...modelFlags, '--memory 1MB'].map((flag) => `--quality ${flag}`),
    ...[...sweepFlags, ...modelFlags, '--memory 1MB', '--rounds 1'].map((flag) => `--from x.json ${flag}`),
  ])('%s: refused with status 2, by name, with what does apply', async (args) => {
    const { error, usage } = await refusal(args);
    expect(error).toBeInstanceOf(CommanderError);
    expect(error).toMatchObject({ exitCode: 2, code: 'commander.conflictingOption' });
    const [kind = '', flag = ''] = args.split(' ').filter((part) => part.startsWith('--'));
    expect(usage).toMatch(new RegExp(`^error: ${flag} does not apply to ${kind}.* It takes (--[a-z-]+, ){3}`));
  });

  test.each([
    ['--threads 2', '--threads does not apply to the sweep. It goes with --kernels.'],
    ['--tokens 2', '--tokens does not apply to the sweep. It goes with --sessions.'],
    ['--sessions 2 --threads 2', '--threads does not apply to --sessions. It goes with --kernels.'],
    ['--kernels --sessions 2', '--kernels and --sessions cannot go together: each chooses what is run.'],
    ['--kernels --training', '--kernels and --training cannot go together: each chooses what is run.'],
    ['--from x.json --sessions 2', '--sessions and --from cannot go together: each chooses what is run.'],
    ['--kernels --rounds 10', '--rounds 10 is too few for --kernels: 11 or more make a median.'],
    [
      '--kernels --backend webgpu --threads 1',
      '--threads does not apply to --backend webgpu. It goes with --backend cpu.',
    ],
    ['--kernels --threads 1 --backend auto', '--threads does not apply to --backend auto. It goes with --backend cpu.'],
    ['--sessions 2 --variants tables,kv', '--variants tables,kv does not apply to --sessions.'],
    ['--models a,b', '--models does not apply to the sweep. It goes with --quality.'],
    ['--kernels --quality', '--kernels and --quality cannot go together: each chooses what is run.'],
    ['--quality --models a,b', '--models needs a text to measure them on: --text FILE.'],
    ['--quality --models a --text x --steps 5', '--steps does not apply to --models.'],
    ['--quality --models a --text x --tasks copy', '--tasks does not apply to --models.'],
    ['--quality --lengths 128', '--lengths goes with --models in --quality.'],
    ['--quality --self-up-to 128', '--self-up-to goes with --models in --quality.'],
    ['--quality --threads 1,2', '--threads 1,2 is more than one number for --quality.'],
    ['--quality --threads 1 --backend webgpu', '--threads does not apply to --backend webgpu.'],
    ['--sessions 2 --variants self', '--variants self does not apply to --sessions.'],
  ])('%s: %s', async (args, message) => {
    const { error, usage } = await refusal(args);
    expect(error).toMatchObject({ exitCode: 2 });
    expect(usage).toContain(`error: ${message}`);
  });

  test('defaults are not flags that were given', async () => {
    const { error } = await refusal('--from no-such-file.json --json');
    expect(error).toMatchObject({ code: 'INVALID_FILE' });
  });
});

describe('flags that cannot be', () => {
  test.each(['--kernels', '--sessions 2', '--lengths 48', '--quality'])(
    '%s: no file where none can be written',
    async (kind) => {
      for (const [file, got] of [
        ['no-such-folder/a.json', 'a folder that does not exist'],
        ['src', 'a folder'],
      ]) {
        const { error } = await refusal(`${kind} --out ${file === 'src' ? import.meta.dirname : file}`);
        expect(InAttentionError.isInstance(error, 'INVALID_ARGUMENT')).toBe(true);
        expect(error).toMatchObject({ got });
      }
    },
  );

  test.each(['a,a', 'a,,b'])('%s are no different models', async (models) => {
    const { error } = await refusal(`--quality --models ${models} --text x`);
    expect(error).toMatchObject({ code: 'commander.invalidArgument' });
  });

  test.each(['0', '1,', 'two', '1.5'])('%s is no list of threads', async (threads) => {
    const { error } = await refusal(`--kernels --threads ${threads}`);
    expect(error).toMatchObject({ code: 'commander.invalidArgument' });
  });
});
