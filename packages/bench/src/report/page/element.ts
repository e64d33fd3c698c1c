/** Elements made node by node: no text becomes markup, whatever a result file holds. */

/** An element with attributes and children; strings become text. */
export function element(
  document: Document,
  name: string,
  attributes: Readonly<Record<string, string>> = {},
  children: readonly (string | Node)[] = [],
): Element {
  const made = document.createElement(name);
  for (const [attribute, value] of Object.entries(attributes)) made.setAttribute(attribute, value);
  made.append(...children);
  return made;
}
