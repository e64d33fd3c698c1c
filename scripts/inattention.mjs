#!/usr/bin/env node
// `pnpm inattention …` in a checkout. It is a bin and not a script of package.json because pnpm announces scripts on
// standard output, where `--json` promises JSON and nothing else.
import { runBuilt } from './run-built.mjs';

process.exitCode = runBuilt('cli', process.argv.slice(2));
