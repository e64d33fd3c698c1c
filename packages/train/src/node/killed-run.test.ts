import { spawn } from 'node:child_process';
import { mkdtempSync, readdirSync, rmSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { fileURLToPath } from 'node:url';
import { createCpuBackend } from '@inattention/cpu';
import { openDirectory } from '@inattention/formats/node';
import { createModel, loadModel } from '@inattention/model';
import { build } from 'vite';
import { afterAll, beforeAll, expect, it } from 'vitest';
import { madeUpSource } from '../../test/made-up-source.ts';
import { smallConfig } from '../../test/small-model.ts';
import { type TrainOptions, train } from '../trainer/train.ts';
import { openCheckpoint } from './checkpoint-folders.ts';
import { createCheckpointStore, latestCheckpoint } from './checkpoints.ts';

const schedule = { kind: 'cosine', peak: 0.01, steps: 40, warmupSteps: 4 } as const;
const folder = mkdtempSync(join(tmpdir(), 'killed-'));
const program = join(folder, 'program');

beforeAll(async () => {
  await build({
    configFile: false,
    logLevel: 'silent',
    resolve: { conditions: ['@inattention/source'] },
    ssr: { noExternal: true, resolve: { conditions: ['@inattention/source', 'node', 'import'] } },
    build: {
      ssr: fileURLToPath(new URL('../../test/killed-run.ts', import.meta.url)),
      outDir: program,
      rollupOptions: { output: { entryFileNames: 'run.mjs' } },
    },
  });
}, 60_000);
afterAll(() => rmSync(folder, { recursive: true }));

/** What a run printed until it was killed, which it is when it says that it writes. */
function runUntilKilled(checkpoints: string, waitAfter: string): Promise<{ printed: string; signal: string | null }> {
  return new Promise((resolve, reject) => {
    const child = spawn(process.execPath, [join(program, 'run.mjs'), checkpoints, waitAfter], {
      stdio: ['ignore', 'pipe', 'inherit'],
    });
    let printed = '';
    child.stdout.on('data', (bytes: Buffer) => {
      printed += bytes.toString();
      if (printed.includes('writing\n')) child.kill('SIGKILL');
    });
    child.on('error', reject);
    child.on('close', (_, signal) => resolve({ printed, signal }));
  });
}

async function lossesOf(options: Omit<TrainOptions, 'steps' | 'schedule' | 'data'>): Promise<number[]> {
  const losses: number[] = [];
  for await (const { loss } of train({ data: madeUpSource(), steps: 40, schedule, ...options })) losses.push(loss);
  return losses;
}

it.each(['weights', 'moments'])(
  'a run that is killed while it writes %s goes on from the checkpoint before, exactly',
  async (waitAfter) => {
    const checkpoints = join(folder, waitAfter);
    const { printed, signal } = await runUntilKilled(checkpoints, waitAfter);
    expect(signal).toBe('SIGKILL');
    expect(readdirSync(checkpoints).sort()).toEqual(['.step-00000012.partial', 'step-00000004', 'step-00000008']);
    using backend = await createCpuBackend({ threads: 2 });
    using whole = createModel(smallConfig(), backend, { seed: 7 });
    const expected = await lossesOf({ model: whole });
    const before = printed.split('\n').filter((line) => /^\d/.test(line));
    expect(before).toEqual(expected.slice(0, 11).map((loss, step) => `${step + 1} ${loss}`));

    const { path = '' } = (await latestCheckpoint(checkpoints)) ?? {};
    expect(path).toBe(join(checkpoints, 'step-00000008'));
    using model = await loadModel(await openDirectory(path), backend);
    const store = createCheckpointStore(checkpoints);
    const resumed = await lossesOf({
      model,
      resume: await openCheckpoint(path),
      checkpoints: { store, every: 4 },
    });
    expect(resumed).toEqual(expected.slice(8)); // 32 losses
    expect(readdirSync(checkpoints).sort()).toEqual(['step-00000036', 'step-00000040']);
  },
  60_000,
);
