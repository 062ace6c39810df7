/** `react-dom`, its client and its test utilities in one, for Testing Library. */
import { hydrate, render } from "preact";
import { createRoot } from "../../src/runtime/react-dom";

export { act } from "preact/test-utils";
export { createRoot };

export function hydrateRoot(
  container: Element,
  content: Parameters<typeof hydrate>[0],
): ReturnType<typeof createRoot> {
  hydrate(content, container);
  return { render: (next) => render(next, container), unmount: () => render(null, container) };
}

export default {};
