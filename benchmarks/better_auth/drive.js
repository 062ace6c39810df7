// One whole `getSession` at a time, without HTTP. A line "N" on standard input runs N of them; the
// answer is one line of JSON: microseconds of CPU and of wall clock for one. The first line says "ready".
import { createInterface } from "node:readline";
import { betterAuth, signIn } from "./app.js";

const options = JSON.parse(process.argv[2]);
const auth = await betterAuth(options);
const people = [];
for (let number = 0; number < 64; number++) {
  const made = await signIn(auth, number);
  const cookie = made.headers.getSetCookie().map((line) => line.split(";")[0]).join("; ");
  people.push(new Headers({ cookie, "user-agent": "bench", accept: "*/*" }));
}
if (await auth.api.getSession({ headers: new Headers() })) throw new Error("a stranger was let in");
console.log('"ready"');

for await (const line of createInterface({ input: process.stdin })) {
  const count = Number(line);
  const [cpu, began] = [process.cpuUsage(), performance.now()];
  for (let n = 0; n < count; n++) {
    const found = await auth.api.getSession({ headers: people[n % people.length] });
    if (!found) throw new Error("a session was refused");
  }
  const spent = process.cpuUsage(cpu);
  const wall = ((performance.now() - began) * 1000) / count;
  console.log(JSON.stringify({ cpu: (spent.user + spent.system) / count, wall }));
}
