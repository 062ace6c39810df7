/** The part "dialogs", as one file. */

export { default as english } from "../locales/en.dialogs.json";
export { Asking } from "./Asking";
export { AskSignOut } from "./AskSignOut";
export { Dialog } from "./Dialog";
export { Expired } from "./Expired";
export { Expiring } from "./Expiring";
export { icons } from "./icons";
export { NotMeDialog } from "./NotMeDialog";
export { ask } from "./question";
export { SignOutOthers } from "./SignOutOthers";
export { SignOutThese } from "./SignOutThese";
