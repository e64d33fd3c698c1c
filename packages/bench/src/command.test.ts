import { mkdtempSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import type { BenchOutput } from './bench-output.ts';
import { benchCommand } from './command.ts';
import { parseResult } from './report/parse-result.ts';

let folder: string;
beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'inattention-bench-'));
});
afterAll(() => rmSync(folder, { recursive: true }));

/** Runs the command; `onError` sees each text on standard error. */
async function bench(args: string, signal?: AbortSignal, onError?: (text: string) => void) {
  const texts = { out: '', error: '' };
  const output: BenchOutput = {
    out: (text) => {
      texts.out += text;
    },
    error: (text) => {
      texts.error += text;
      onError?.(text);
    },
    interactive: false,
    ...(signal && { signal }),
  };
  const command = benchCommand(output).exitOverride();
  command.configureOutput({ writeErr: () => {} });
  const running = command.parseAsync(args.replaceAll('@', `${folder}/`).split(' '), { from: 'user' });
  return running.then(() => texts);
}

const read = (name: string) => readFileSync(join(folder, name), 'utf8');

describe('bench', () => {
  test('writes a result, and reports of it; the same reports come from the file', async () => {
    const { out } = await bench(
      '--lengths 48,96 --variants self,tables --self-up-to 48 --rounds 1 --out @a.json --report @a.html --markdown @a.md',
    );
    expect(out).toContain('first token, cold');
    const result = parseResult(read('a.json'));
    expect(result.rows.map(({ outcome }) => outcome)).toEqual(['measured', 'measured', 'extrapolated', 'measured']);
    expect(result.command).toMatch(/^inattention bench --shape small --lengths 48,96 --variants self,tables /);
    const again = await bench('--from @a.json --report @b.html --markdown @b.md --json');
    expect(JSON.parse(again.out)).toEqual(result);
    expect(read('b.html')).toBe(read('a.html'));
    expect(read('b.md')).toBe(read('a.md'));
    expect(readdirSync(folder).filter((name) => name.endsWith('.unfinished'))).toEqual([]);
  }, 60_000);

  test('cancelled, it reports what was measured', async () => {
    const controller = new AbortController();
    const running = bench('--lengths 48 --variants ids,kv --rounds 1 --out @c.json', controller.signal, (text) => {
      if (text.includes('kv at 48')) controller.abort();
    });
    await expect(running).rejects.toMatchObject({ code: 'ABORTED' });
    const { interrupted, rows } = parseResult(read('c.json'));
    expect(interrupted).toContain('cancelled');
    expect(rows.map(({ outcome }) => outcome)).toEqual(['measured', 'unreached']);
  }, 60_000);

  test('refuses files it cannot read or write before it runs anything', async () => {
    writeFileSync(join(folder, 'broken.json'), '{"schema": 1}');
    await expect(bench('--from @missing.json')).rejects.toMatchObject({ code: 'INVALID_FILE' });
    await expect(bench('--from @broken.json')).rejects.toMatchObject({ code: 'INVALID_FILE' });
    await expect(bench('--report @none/a.html')).rejects.toMatchObject({ code: 'INVALID_ARGUMENT' });
  });

  test.each(['--lengths 0', '--lengths 1Mi', '--variants tables,other', '--shape huge', '--context-dtype f64'])(
    'refuses %s as bad usage',
    async (flags) => {
      await expect(bench(flags)).rejects.toMatchObject({ code: 'commander.invalidArgument' });
    },
  );
});
