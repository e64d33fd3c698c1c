import { describe, expect, test } from 'vitest';
import { benchCommand } from '../command.ts';

/** Runs the command on flags that are to be refused before anything is measured. */
async function refusal(args: string): Promise<unknown> {
  const texts: string[] = [];
  const take = (text: string) => void texts.push(text);
  const command = benchCommand({
    out: take,
    error: take,
    interactive: false,
    signal: AbortSignal.abort(),
  }).exitOverride();
  command.configureOutput({ writeErr: () => {} });
  const error = await command.parseAsync(args.split(' '), { from: 'user' }).then(
    () => null,
    (thrown: unknown) => thrown,
  );
  expect(texts).toEqual([]);
  return error;
}

describe('bench --kernels', () => {
  test.each([
    ['--kernels --lengths 48', '--lengths is no flag of the kernel benches.'],
    ['--kernels --shape small', '--shape is no flag of the kernel benches.'],
    ['--kernels --report x.html', '--report is no flag of the kernel benches.'],
    ['--threads 2', '--threads is no flag of the sweep.'],
    ['--kernels --rounds 10', 'These are too few rounds for kernels.'],
    ['--kernels --out no-such-folder/kernels.json', 'no-such-folder/kernels.json cannot be written.'],
  ])('%s is refused', async (args, what) => {
    expect(await refusal(args)).toMatchObject({ code: 'INVALID_ARGUMENT', what });
  });

  test.each(['0', '1,', 'two', '1.5'])('%s is no list of threads', async (threads) => {
    expect(await refusal(`--kernels --threads ${threads}`)).toMatchObject({ code: 'commander.invalidArgument' });
  });

  test('flags left alone are refused by neither', async () => {
    expect(await refusal('--from no-such-file.json')).toMatchObject({ code: 'INVALID_FILE' });
  });
});
