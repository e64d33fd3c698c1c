/** Whether a training run is kept in this browser: a look from the page, before any worker is started. */

export async function wasTraining(): Promise<boolean> {
  try {
    const root = await navigator.storage.getDirectory();
    const folder = await root.getDirectoryHandle('training');
    await folder.getFileHandle('text.txt');
    return true;
  } catch {
    return false; // none, or no storage
  }
}
