// The checks of the Better Auth dialect that need no page: with `better-auth/client` as it is published.
import { createAuthClient } from "better-auth/client";
import { World, run } from "./better_auth_world.mjs";
import { given, say } from "./given.mjs";
import "./better_auth_sign.mjs";
import "./better_auth_session.mjs";
import "./better_auth_account.mjs";
import "./better_auth_admin.mjs";
import "./better_auth_plugins.mjs";
import "./better_auth_wire.mjs";
import "./better_auth_attacks.mjs";

say(await run(new World(given, createAuthClient)));
process.exit(0);
