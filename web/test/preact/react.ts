/** `react` as the served pages have it, and what Testing Library wants besides. */

export { createRef, isValidElement } from "preact";
export { act } from "preact/test-utils";
export * from "../../src/runtime/react";
