/** Where a sweep's result goes: files of several kinds, written whole or not at all, and standard output. Node only. */

import { existsSync, renameSync, statSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { InvalidArgumentError } from '@inattention/core';
import type { BenchOutput } from './bench-output.ts';
import { htmlReport } from './report/html-report.ts';
import { markdownReport } from './report/markdown.ts';
import { terminalReport } from './report/terminal.ts';
import type { SweepResult } from './result.ts';

export interface OutputFiles {
  /** JSON, as `--from` reads it. */
  readonly out?: string;
  /** One self-contained HTML page. */
  readonly report?: string;
  readonly markdown?: string;
}

/** Throws InvalidArgumentError for a file whose folder is missing, or that is a folder: before a long run, not after. */
export function checkOutputs({ out, report, markdown }: OutputFiles): void {
  for (const file of [out, report, markdown]) {
    if (file === undefined) continue;
    const what = `${file} cannot be written.`;
    if (!existsSync(dirname(file))) {
      throw new InvalidArgumentError({ what, got: 'a folder that does not exist', fix: `make ${dirname(file)} first` });
    }
    if (statSync(file, { throwIfNoEntry: false })?.isDirectory() === true) {
      throw new InvalidArgumentError({ what, got: 'a folder', expected: 'a file name' });
    }
  }
}

/** Writes every file that was asked for and returns their names. */
export async function writeOutputs(result: SweepResult, { out, report, markdown }: OutputFiles): Promise<string[]> {
  if (out !== undefined) writeWhole(out, resultJson(result));
  if (report !== undefined) writeWhole(report, await htmlReport(result));
  if (markdown !== undefined) writeWhole(markdown, markdownReport(result));
  return [out, report, markdown].filter((file) => file !== undefined);
}

/** Writes the texts whose files were asked for and returns the files. */
export function writeTexts(texts: readonly (readonly [file: string | undefined, text: string])[]): string[] {
  return texts.flatMap(([file, text]) => {
    if (file === undefined) return [];
    writeWhole(file, text);
    return [file];
  });
}

/** Writes the files that were asked for, says so, and prints: JSON with `json`, else the report. */
export function deliver(
  result: object,
  texts: { readonly report: string; readonly markdown: string },
  { out, markdown, json }: Omit<OutputFiles, 'report'> & { readonly json?: boolean },
  output: BenchOutput,
): void {
  const resultText = resultJson(result);
  const files = [[out, resultText] as const, [markdown, texts.markdown] as const];
  for (const file of writeTexts(files)) output.error(`Wrote ${file}\n`);
  output.out(json === true ? resultText : texts.report);
}

/** Writes the JSON of what was measured so far, so that it outlives the program. */
export function writePartial(result: SweepResult, out: string): void {
  writeWhole(out, resultJson(result));
}

/** What goes to standard output. */
export function standardOutput(result: SweepResult, json: boolean): string {
  return json ? resultJson(result) : terminalReport(result);
}

function resultJson(result: object): string {
  return `${JSON.stringify(result, null, 2)}\n`;
}

/** A reader of the file sees the old text or the new one, also when the program is killed meanwhile. */
function writeWhole(file: string, text: string): void {
  const unfinished = `${file}.unfinished`;
  writeFileSync(unfinished, text);
  renameSync(unfinished, file);
}
