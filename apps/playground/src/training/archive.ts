/** A checkpoint as one zip file, stored as it is (numbers do not shrink), and back. */

import { InvalidFileError } from '@inattention/core';
import { unzipSync, Zip, ZipPassThrough } from 'fflate';

/** Bytes that an archive may unpack to: more than a page can train. */
const longestContent = 2 ** 31;

/** The files in an archive. Their bytes go through one piece at a time. */
export async function zipOf(files: readonly File[]): Promise<Blob> {
  const pieces: Uint8Array<ArrayBuffer>[] = [];
  const archive = new Zip((error, piece) => {
    if (error !== null) throw error;
    pieces.push(new Uint8Array(piece));
  });
  for (const file of files) {
    const entry = new ZipPassThrough(file.name);
    archive.add(entry);
    const reader = file.stream().getReader();
    for (let next = await reader.read(); !next.done; next = await reader.read()) entry.push(next.value);
    entry.push(new Uint8Array(0), true);
  }
  archive.end();
  return new Blob(pieces, { type: 'application/zip' });
}

/** The files of an archive, without folders' names. Throws InvalidFileError for what is none, or is too much. */
export async function unzip(archive: File): Promise<File[]> {
  let total = 0;
  try {
    const content = unzipSync(new Uint8Array(await archive.arrayBuffer()), {
      filter: ({ name, originalSize }) => {
        total += originalSize;
        if (total > longestContent) throw new RangeError(`more than ${longestContent} bytes`);
        return !name.endsWith('/');
      },
    });
    return Object.entries(content).map(([path, bytes]) => new File([new Uint8Array(bytes)], baseName(path)));
  } catch (cause) {
    throw new InvalidFileError({
      what: `${archive.name} is no archive that can be opened here.`,
      got: cause instanceof Error ? cause.message : String(cause),
      expected: 'the zip file that “Download the checkpoint” gives',
      cause,
    });
  }
}

const baseName = (path: string): string => path.slice(path.lastIndexOf('/') + 1);
