/** The models that the page brings, at the addresses that the bundler gave their files. */

import { models } from '@inattention/models';
import type { ModelChoice } from './jobs.ts';

export type TrainedModel = Extract<ModelChoice, { kind: 'trained' }>;

export const shippedModels: readonly TrainedModel[] = Object.values(models).map(({ name, files }) => ({
  kind: 'trained',
  name,
  location: { urls: Object.fromEntries(Object.entries(files).map(([file, url]) => [file, url.href])) },
}));
