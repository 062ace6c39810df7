// What a scenario is given, and what it says in the end.
import { text } from "node:stream/consumers";

export const given = JSON.parse(await text(process.stdin));
export const say = (found) => process.stdout.write(JSON.stringify(found));

// What went wrong in *act*, in its own words; it fails if nothing did.
export async function refusal(act) {
  try {
    await act();
  } catch (error) {
    return { code: error.code, error: error.error, status: error.status, claim: error.claim, message: error.message };
  }
  throw new Error("this was not refused");
}
