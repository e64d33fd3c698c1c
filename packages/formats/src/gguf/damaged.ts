/** The error for a GGUF file that breaks the format's own rules. */

import { InvalidFileError } from '@inattention/core';

export function damaged(file: string, what: string, got: string, expected?: string): InvalidFileError {
  return new InvalidFileError({
    what: `${file}: ${what}.`,
    got,
    ...(expected !== undefined && { expected }),
    fix: 'the file is damaged or was not written as GGUF: download or convert it again',
  });
}
