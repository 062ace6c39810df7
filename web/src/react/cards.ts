/** Parts for everybody, of those that are fetched later. */

import { later } from "./later";

export const Preferences = later("cards", "Preferences");
export const RecentlySignedOut = later("cards", "RecentlySignedOut");
export const Dialog = later("dialogs", "Dialog");
