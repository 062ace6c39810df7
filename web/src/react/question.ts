/** The question who is here: one for all who wait for its answer. */

import { SessionError } from "../client/index";
import type { Question, Shared } from "./context";

/** Rejects with "aborted" if nobody proved it. */
export async function ask(shared: Shared, methods: string[] = ["password"]): Promise<void> {
  if (!(await (shared.question.get()?.answer ?? put(shared, methods)))) throw new SessionError("aborted");
}

function put({ question }: Shared, methods: string[]): Promise<boolean> {
  let resolve: Question["resolve"] = () => {};
  const answer = new Promise<boolean>((done) => {
    resolve = (confirmed) => {
      question.set(null);
      done(confirmed);
    };
  });
  question.set({ methods, answer, resolve });
  return answer;
}
