// The client where there is neither window nor document: a server renders so, and a worker lives so.
import { createSessionClient } from "/harness/lib/client.js";

onmessage = async ({ data: { mode, email, password } }) => {
  const client = createSessionClient({ mode });
  const stop = client.start();
  if (mode === "bearer") await client.signIn({ email, password });
  const { user } = await client.current();
  const { count } = await client.sessions();
  const seen = { window: typeof window, document: typeof document, email: user.email };
  postMessage({ ...seen, open: client.open, sessions: count });
  stop();
};
