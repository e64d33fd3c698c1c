import { InvalidArgumentError, InvalidFileError } from '@inattention/core';
import { expect, it } from 'vitest';
import { blobSource, openFileList } from './file-source.ts';

/** A File as a browser makes it for a chosen folder. */
function fileIn(relativePath: string, content: string): File {
  const file = new File([content], relativePath.split('/').at(-1) ?? '');
  Object.defineProperty(file, 'webkitRelativePath', { value: relativePath });
  return file;
}

const text = async (read: Promise<Uint8Array> | undefined) => new TextDecoder().decode(await read);

it('reads ranges of a Blob', async () => {
  const source = blobSource(new Blob(['hello']));
  expect([source.name, source.size]).toEqual(['blob', 5]);
  expect(await text(source.read(1, 3))).toBe('el');
  await expect(source.read(0, 6)).rejects.toThrow(InvalidFileError);
  expect(blobSource(new File([''], 'x.json')).name).toBe('x.json');
});

it('says how to go on when a chosen file cannot be read any more', async () => {
  class Gone extends Blob {
    override slice(): Blob {
      const slice = new Blob([]);
      slice.arrayBuffer = () => Promise.reject(new Error('NotReadable'));
      return slice;
    }
  }
  const source = blobSource(new Gone(['hello']), 'x');
  await expect(source.read(0, 5)).rejects.toThrow('x cannot be read. Got: NotReadable.');
});

it('finds files of a chosen folder below its top folder, and single files by their name', async () => {
  const folder = openFileList([
    fileIn('tiny/config.json', 'c'),
    fileIn('tiny/sub/x', 'x'),
    new File(['t'], 'tokens.json'),
  ]);
  expect(await folder.list?.()).toEqual(['config.json', 'sub/x', 'tokens.json']);
  expect(await text((await folder.open('sub/x'))?.read(0, 1))).toBe('x');
  expect(await text((await folder.open('tokens.json'))?.read(0, 1))).toBe('t');
  expect(await folder.open('tiny/config.json')).toBeNull();
  await expect(folder.open('/config.json')).rejects.toThrow(InvalidFileError);
});

it('refuses two files of one name', () => {
  expect(() => openFileList([new File([''], 'a'), new File([''], 'a')])).toThrow(InvalidArgumentError);
});
