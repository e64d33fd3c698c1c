import { mkdirSync, mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { BackendUnavailableError } from '@inattention/core';
import { afterAll, describe, expect, test } from 'vitest';
import { cacheFolder, installedBinding, manifestName } from './cache-folder.ts';
import { findCudaLibrary } from './nvidia.ts';
import { setUpBinding } from './set-up-binding.ts';

const folder = mkdtempSync(join(tmpdir(), 'inattention-cuda-'));
afterAll(() => rmSync(folder, { recursive: true, force: true }));

describe('the folder', () => {
  test.each([
    [{ INATTENTION_CUDA_HOME: '/own' }, '/own'],
    [{ XDG_CACHE_HOME: '/cache' }, '/cache/inattention/cuda'],
  ])('of %o', (environment, expected) => {
    expect(cacheFolder(environment)).toBe(expected);
  });

  test('without a manifest, with half of one, and with one whose library is gone, has no binding', () => {
    expect(installedBinding(folder)).toBeNull();
    writeFileSync(join(folder, manifestName), '{ "addon": ');
    expect(installedBinding(folder)).toBeNull();
    writeFileSync(
      join(folder, manifestName),
      JSON.stringify({ addon: join(folder, manifestName), libraryFolder: '/none', libraryBytes: 1 }),
    );
    expect(installedBinding(folder)).toBeNull();
  });
});

describe('the set-up', () => {
  test('finds what was set up, and does nothing', async () => {
    const lines: string[] = [];
    const manifest = await setUpBinding({ onProgress: (line) => lines.push(line) });
    expect(manifest).toEqual(installedBinding());
    expect(lines).toEqual([]);
  });

  test('names the files that a folder lacks, before anything is compiled', async () => {
    const library = join(folder, 'tensorflow');
    mkdirSync(library);
    const failing = setUpBinding({ library: { folder: library }, folder: join(folder, 'build'), python: '/no/python' });
    await expect(failing).rejects.toThrow(BackendUnavailableError);
    await expect(failing).rejects.toThrow(/without libtensorflow_cc\.so\.2 and .*To fix: name the folder/);
  });

  test('says what to do about a Python that is not there', async () => {
    const failing = setUpBinding({ library: 'python', python: '/no/python', folder: join(folder, 'build') });
    await expect(failing).rejects.toThrow(/could not do its part.*To fix: install Python 3/);
  });
});

test('libraries of CUDA are found in the wheels beside TensorFlow', () => {
  const lib = join(folder, 'site-packages', 'nvidia', 'cudnn', 'lib');
  mkdirSync(lib, { recursive: true });
  writeFileSync(join(lib, 'libcudnn.so.9'), '');
  expect(findCudaLibrary('libcudnn', join(folder, 'site-packages', 'tensorflow'))).toBe(join(lib, 'libcudnn.so.9'));
  expect(findCudaLibrary('libnothing', null)).toBeNull();
});
