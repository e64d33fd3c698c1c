/** The bench as a program: what `pnpm bench` starts. */

import { InAttentionError } from '@inattention/core';
import { benchCommand } from './command.ts';

const controller = new AbortController();
process.once('SIGINT', () => controller.abort());
try {
  const command = benchCommand({
    out: (text) => process.stdout.write(text),
    error: (text) => process.stderr.write(text),
    interactive: process.stderr.isTTY === true,
    signal: controller.signal,
  });
  command.configureOutput({ writeErr: (text) => process.stderr.write(text) });
  command.exitOverride((error) => process.exit(error.exitCode === 0 ? 0 : 2));
  await command.parseAsync(process.argv);
} catch (error) {
  if (!InAttentionError.isInstance(error)) throw error;
  process.stderr.write(`${error.message}\n`);
  process.exitCode = controller.signal.aborted ? 130 : 1;
}
