/** The models that the page brings, at the addresses that the bundler gave their files. */

import type { ModelLocation } from '@inattention/model/worker';
import { models } from '@inattention/models';

export interface ShippedChoice {
  readonly name: string;
  readonly description: string;
  readonly location: ModelLocation;
}

export const shippedModels: readonly ShippedChoice[] = Object.values(models).map(({ name, description, files }) => ({
  name,
  description,
  location: { urls: Object.fromEntries(Object.entries(files).map(([file, url]) => [file, url.href])) },
}));
