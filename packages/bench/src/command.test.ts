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
    expect(out).toContain('revisited');
    const result = parseResult(read('a.json'));
    expect(result.rows.map(({ outcome }) => outcome)).toEqual(['measured', 'measured', 'extrapolated', 'measured']);
    expect(result.command).toMatch(/^inattention bench --shape small --lengths 48,96 --variants self,tables /);
    const again = await bench('--from @a.json --report @b.html --markdown @b.md --json');
    expect(JSON.parse(again.out)).toEqual(result);
    expect(read('b.html')).toBe(read('a.html'));
    expect(read('b.md')).toBe(read('a.md'));
    expect(readdirSync(folder).filter((name) => name.endsWith('.unfinished'))).toEqual([]);
  }, 60_000);

  test('later chapters of the measured book can warm the tables, and the result says so', async () => {
    const { out } = await bench('--lengths 48 --variants tables --rounds 1 --warm-up same-book --out @d.json');
    expect(out).toContain('Moby-Dick, tokens 131,088 to 262,160');
    const { warmUpKind, warmUpTokens, command, rows } = parseResult(read('d.json'));
    expect([warmUpKind, warmUpTokens]).toEqual(['same-book', 131_072]);
    expect(command).toContain('--warm-up same-book');
    expect(rows[0]?.timeToFirstTokenRevisited?.median).toBeGreaterThan(0);
  }, 60_000);

  test('many sessions write their result and tables', async () => {
    const flags = '--sessions 3 --tokens 40 --rounds 1 --variants kv';
    const { out, error } = await bench(`${flags} --out @s.json --markdown @s.md`);
    const result = JSON.parse(read('s.json'));
    expect(result).toMatchObject({ schema: 'inattention-bench-sessions/1', sessions: 3, tokens: 40, mode: 'kv' });
    expect(result.rows.map(({ batch }: { batch: number }) => batch)).toEqual([1, 2]);
    expect(error).toContain('s.json\n');
    for (const text of [out, read('s.md')]) {
      expect(text).toContain(result.bytes.context.toLocaleString('en-US'));
      expect(text).toContain('Decode by batch size');
    }
    const printed = await bench(`${flags} --json`);
    expect(JSON.parse(printed.out).bytes).toEqual(result.bytes);
    await expect(bench('--from @s.json')).rejects.toMatchObject({
      code: 'INVALID_FILE',
      message: expect.stringContaining('inattention-bench-sessions/1'),
    });
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

  test.each([
    '--lengths 0',
    '--lengths 1Mi',
    '--variants tables,other',
    '--shape huge',
    '--context-dtype f64',
    '--warm-up mine',
    '--memory 1',
    '--memory 5GiB',
    '--memory 3constructor',
  ])('refuses %s as bad usage', async (flags) => {
    await expect(bench(flags)).rejects.toMatchObject({ code: 'commander.invalidArgument' });
  });
});
