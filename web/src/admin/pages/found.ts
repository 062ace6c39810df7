/** Where something is looked for, and done: one file. */

export { RevokePage } from "./RevokePage";
export { SessionsPage } from "./SessionsPage";
export { UserPage } from "./UserPage";
export { UsersPage } from "./UsersPage";
