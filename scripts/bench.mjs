// `pnpm bench …`: the sweep of packages/bench, built first where needed.
import { runBuilt } from './run-built.mjs';

process.exitCode = runBuilt('bench', process.argv.slice(2));
