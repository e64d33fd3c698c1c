#!/usr/bin/env node
// `pnpm inattention …` in a checkout: builds what is missing, with all output on standard error, then becomes the
// command line. It is a bin and not a package.json script because pnpm announces scripts on standard output.
import { spawnSync } from 'node:child_process';
import { constants } from 'node:os';
import { fileURLToPath } from 'node:url';
import { turbo } from './turbo.mjs';

const main = fileURLToPath(new URL('../packages/cli/dist/main.js', import.meta.url));

const built = turbo(['build', '--filter=@inattention/cli...'], { toStderr: true });
if (built !== 0) process.exit(built);
const { status, signal, error } = spawnSync(process.execPath, [main, ...process.argv.slice(2)], { stdio: 'inherit' });
if (error) console.error(error.message);
process.exitCode = status ?? (signal ? 128 + constants.signals[signal] : 1);
