#!/usr/bin/env node
/** The binary: process streams, signals, exit status. */

import { readFileSync } from 'node:fs';
import { runProgram } from './program.ts';

const controller = new AbortController();
process.once('SIGINT', () => controller.abort());
process.stdout.on('error', (error: NodeJS.ErrnoException) => {
  if (error.code === 'EPIPE') process.exit(0); // the reader has gone: head, less
  throw error;
});
const { version } = JSON.parse(readFileSync(new URL('../package.json', import.meta.url), 'utf8')) as {
  version: string;
};
const status = await runProgram(
  process.argv.slice(2),
  {
    out: (text) => process.stdout.write(text),
    error: (text) => process.stderr.write(text),
    interactive: process.stderr.isTTY === true,
    signal: controller.signal,
  },
  version,
);
process.exitCode ||= status;
