/** Where a sweep's result goes: files of several kinds, written whole or not at all, and standard output. Node only. */

import { existsSync, renameSync, writeFileSync } from 'node:fs';
import { dirname } from 'node:path';
import { InvalidArgumentError } from '@inattention/core';
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

/** Throws InvalidArgumentError when a file could not be written because its folder is missing: before a long sweep. */
export function checkOutputs({ out, report, markdown }: OutputFiles): void {
  for (const file of [out, report, markdown]) {
    if (file === undefined || existsSync(dirname(file))) continue;
    throw new InvalidArgumentError({ what: `${file} cannot be written.`, got: 'a folder that does not exist' });
  }
}

/** Writes every file that was asked for and returns their names. */
export async function writeOutputs(result: SweepResult, { out, report, markdown }: OutputFiles): Promise<string[]> {
  if (out !== undefined) writeWhole(out, resultJson(result));
  if (report !== undefined) writeWhole(report, await htmlReport(result));
  if (markdown !== undefined) writeWhole(markdown, markdownReport(result));
  return [out, report, markdown].filter((file) => file !== undefined);
}

/** Writes the JSON of what was measured so far, so that it outlives the program. */
export function writePartial(result: SweepResult, out: string): void {
  writeWhole(out, resultJson(result));
}

/** What goes to standard output. */
export function standardOutput(result: SweepResult, json: boolean): string {
  return json ? resultJson(result) : terminalReport(result);
}

function resultJson(result: SweepResult): string {
  return `${JSON.stringify(result, null, 2)}\n`;
}

/** A reader of the file sees the old text or the new one, also when the program is killed meanwhile. */
export function writeWhole(file: string, text: string): void {
  const unfinished = `${file}.unfinished`;
  writeFileSync(unfinished, text);
  renameSync(unfinished, file);
}
