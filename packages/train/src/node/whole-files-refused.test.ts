import { existsSync } from 'node:fs';
import { InvalidFileError } from '@inattention/core';
import { expect, it } from 'vitest';
import { writeWholeFolder } from './whole-files.ts';

it.runIf(existsSync('/proc/self'))('tells of a place that takes no folders, at once', async () => {
  await expect(writeWholeFolder('/proc/model', new Map([['a', []]]))).rejects.toThrow(InvalidFileError);
});
