/** What is looked at every day: one file. */

export { AlertsPage } from "./AlertsPage";
export { Overview } from "./Overview";
