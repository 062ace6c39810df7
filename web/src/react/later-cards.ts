/** The part "cards", as one file. */

export { default as english } from "../locales/en.cards.json";
export { Details } from "./Details";
export { Failure } from "./Failure";
export { holding } from "./holds";
export { Preferences } from "./Preferences";
export { RecentlySignedOut } from "./RecentlySignedOut";
export { Tips } from "./Tips";
export { Undo } from "./Undo";
export { Upkeep } from "./Upkeep";
