/** Runs a program to its end: its output on standard error while it runs, or collected. Failures name the command. */

import { spawn } from 'node:child_process';
import { BackendUnavailableError } from '@inattention/core';

export interface RunOptions {
  readonly folder?: string;
  /** What to do when the program is missing or fails. */
  readonly fix: string;
}

/** Standard output of `command`, trimmed; what it says on standard error goes to ours. */
export async function runProgram(command: string, args: readonly string[], options: RunOptions): Promise<string> {
  const { folder, fix } = options;
  const shown = [command, ...args.map((arg) => (arg.includes('\n') ? '…' : arg))].join(' ');
  return await new Promise<string>((resolve, reject) => {
    const child = spawn(command, args, { ...(folder && { cwd: folder }), stdio: ['ignore', 'pipe', 'inherit'] });
    const chunks: Buffer[] = [];
    const fail = (got: string, cause?: unknown) => {
      reject(new BackendUnavailableError({ what: `${command} could not do its part of the set-up.`, got, fix, cause }));
    };
    child.stdout.on('data', (chunk: Buffer) => chunks.push(chunk));
    child.on('error', (error) => fail(`${shown}: ${error.message}`, error));
    child.on('close', (status) => {
      const output = Buffer.concat(chunks).toString().trim();
      if (status === 0) resolve(output);
      else fail(`exit status ${status} of ${shown}`);
    });
  });
}
