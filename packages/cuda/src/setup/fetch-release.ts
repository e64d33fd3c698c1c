/** Brings pinned releases here through npm and pip, and checks them before anything of them is used. */

import { createHash } from 'node:crypto';
import { createReadStream } from 'node:fs';
import { mkdir, readdir, writeFile } from 'node:fs/promises';
import { join } from 'node:path';
import { BackendUnavailableError } from '@inattention/core';
import { cpuWheel, libraryNames, type NpmRelease } from './releases.ts';
import { runProgram } from './run-program.ts';

/** Digest of a file. */
export async function digestOf(file: string, algorithm: 'sha256' | 'sha512', encoding: 'hex' | 'base64') {
  const hash = createHash(algorithm);
  for await (const chunk of createReadStream(file)) hash.update(chunk as Buffer);
  return hash.digest(encoding);
}

function expectDigest(what: string, got: string, expected: string): void {
  if (got === expected) return;
  throw new BackendUnavailableError({
    what: `${what} is not the file that was asked for.`,
    got,
    expected,
    fix: 'remove what a proxy or a mirror put in its place, and run the set-up again',
  });
}

/** Unpacks an npm package into `folder`/package. */
export async function fetchNpmRelease(release: NpmRelease, folder: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const { name, version, integrity } = release;
  const fix = `see that npm reaches its registry: npm view ${name}@${version} version`;
  await runProgram('npm', ['pack', '--silent', `${name}@${version}`], { folder, fix });
  const [tarball] = (await readdir(folder)).filter((file) => file.endsWith('.tgz'));
  const path = join(folder, tarball ?? '');
  expectDigest(`${name}@${version}`, `sha512-${await digestOf(path, 'sha512', 'base64')}`, integrity);
  await runProgram('tar', ['-xzf', path, '-C', folder], { fix: 'install tar' });
  return join(folder, 'package');
}

// Of 13,000 headers the C interface needs those of a few folders.
const unpack = `
import re, sys, zipfile
wanted = re.compile(r'tensorflow/(libtensorflow_(cc|framework)\\.so\\.2$|include/tensorflow/(c|core/platform|core/public)/'
                    r'|include/(tsl|xla)/|include/external/local_(tsl|xla)/|include/tensorflow/compiler/xla/)')
with zipfile.ZipFile(sys.argv[1]) as wheel:
    for entry in wheel.infolist():
        if wanted.match(entry.filename):
            wheel.extract(entry, sys.argv[2])
`;

/** The folder `tensorflow` of the CPU wheel: its two libraries and the headers of the C interface. */
export async function fetchCpuWheel(folder: string, python: string): Promise<string> {
  await mkdir(folder, { recursive: true });
  const { name, version, python: pythonVersion, platform, sha256 } = cpuWheel;
  const requirements = join(folder, 'requirements.txt');
  await writeFile(requirements, `${name}==${version} --hash=sha256:${sha256}\n`);
  const target = ['--python-version', pythonVersion, '--implementation', 'cp', '--platform', platform];
  const options = ['--no-deps', '--only-binary=:all:', '--require-hashes', '--quiet', ...target, '--dest', folder];
  await runProgram(python, ['-m', 'pip', 'download', ...options, '-r', requirements], {
    fix: `see that pip works and reaches its index: ${python} -m pip --version`,
  });
  const [wheel] = (await readdir(folder)).filter((file) => file.endsWith('.whl'));
  const path = join(folder, wheel ?? '');
  expectDigest(`The wheel of ${name} ${version}`, await digestOf(path, 'sha256', 'hex'), sha256);
  await runProgram(python, ['-c', unpack, path, folder], { fix: `free some disk space in ${folder}` });
  await runProgram('rm', ['-f', path], { fix: `remove ${path}` });
  return join(folder, 'tensorflow');
}

/** The folder `tensorflow` of a Python environment; null when it has no TensorFlow with its C++ library. */
export async function findInPython(python: string): Promise<string | null> {
  const program = `
import importlib.util, os
spec = importlib.util.find_spec('tensorflow')
folder = os.path.dirname(spec.origin) if spec and spec.origin else ''
print(folder if os.path.exists(os.path.join(folder, '${libraryNames[0]}')) else '')
`;
  const found = await runProgram(python, ['-c', program], { fix: `install Python 3, or name another with --python` });
  return found === '' ? null : found;
}
