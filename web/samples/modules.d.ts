/** What the documentation's TypeScript imports and this package does not install. */
declare module "*.css" {}
declare module "axios";
declare module "react-hot-toast";
declare module "react-router";
declare module "sonner";
