/** What a page says of where a model is, as files that a worker can read. */

import { filesInMemory, type ModelSource, openFileList, openUrl, openUrls } from '@inattention/formats';
import type { ModelLocation } from './protocol.ts';

/** Opens what `WorkerModels.load` takes: for workers of one's own that read the same models. */
export function openLocation(location: ModelLocation): ModelSource {
  if ('url' in location) return openUrl(location.url, location.headers ? { headers: location.headers } : {});
  if ('urls' in location) return openUrls(location.urls);
  return 'files' in location ? openFileList(location.files) : filesInMemory(location.bytes);
}
