/** The application on a server: the client and the components must not want a window. */
import { version } from "react";
import { renderToString } from "react-dom/server";
import { App } from "./app";

export { version };
export const html: string = renderToString(<App />);
