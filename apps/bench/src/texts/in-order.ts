/** Files by name as texts in the order of their numbers. */

export function inOrder(files: Readonly<Record<string, string>>): string[] {
  const names = Object.keys(files).sort((a, b) => a.localeCompare(b, 'en', { numeric: true }));
  return names.map((name) => files[name] as string);
}
