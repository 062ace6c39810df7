/** What `react-dom/client` means in the served pages. */
import { type ComponentChild, render } from "preact";

interface Root {
  render(content: ComponentChild): void;
  unmount(): void;
}

export function createRoot(container: Element): Root {
  return {
    render: (content) => render(content, container),
    unmount: () => render(null, container),
  };
}
