/** The program `inattention`: its verbs, and what becomes of errors (DESIGN §7: 0 done, 1 failed, 2 bad usage). */

import { benchCommand } from '@inattention/bench/node';
import { InAttentionError } from '@inattention/core';
import { Command, CommanderError } from 'commander';
import type { Terminal } from './terminal.ts';
import { convertCommand } from './verbs/convert.ts';
import { doctorCommand } from './verbs/doctor.ts';
import { generateCommand } from './verbs/generate.ts';
import { inspectCommand } from './verbs/inspect.ts';
import { planCommand } from './verbs/plan.ts';
import { scoreCommand } from './verbs/score.ts';
import { trainCommand } from './verbs/train.ts';

/** Runs the program and returns its exit status. */
export async function runProgram(args: readonly string[], terminal: Terminal, version: string): Promise<number> {
  const program = new Command('inattention')
    .description('Run and measure InAttention transformers: contexts that cost a few bytes per token')
    .version(version);
  const verbs = [
    scoreCommand,
    generateCommand,
    planCommand,
    inspectCommand,
    trainCommand,
    convertCommand,
    benchCommand,
    doctorCommand,
  ];
  for (const verb of verbs) program.addCommand(verb(terminal));
  for (const command of [program, ...program.commands]) {
    command.exitOverride().showHelpAfterError('(--help lists the flags)');
    command.configureOutput({ writeOut: (text) => terminal.out(text), writeErr: (text) => terminal.error(text) });
  }
  try {
    await program.parseAsync(args, { from: 'user' });
    return 0;
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? 0 : 2;
    terminal.error(errorReport(error));
    return terminal.signal.aborted ? 130 : 1;
  }
}

/** An error as a short block of text; a stack only when asked for by INATTENTION_DEBUG=1. */
function errorReport(error: unknown): string {
  if (process.env.INATTENTION_DEBUG === '1' && error instanceof Error) return `${error.stack}\n`;
  if (!InAttentionError.isInstance(error)) {
    const message = error instanceof Error ? error.message : String(error);
    return `error: ${message}\n  (unexpected; INATTENTION_DEBUG=1 shows where)\n`;
  }
  const lines = [`error: ${error.what}`];
  if (error.got !== undefined) lines.push(`  got:      ${error.got}`);
  if (error.expected !== undefined) lines.push(`  expected: ${error.expected}`);
  if (error.fix !== undefined) lines.push(`  to fix:   ${error.fix}`);
  return `${lines.join('\n')}\n`;
}
