/** Our icons: strokes in the colour of the text. They only repeat what is written. */

import type { ReactNode } from "react";
import { useShared } from "./context";
import type { icons } from "./icons";

const PATHS = {
  desktop: "M5 5h14v10H5zM2.5 18.5h19",
  mobile: "M7.5 2.5h9v19h-9zM11 18.5h2",
  tablet: "M5 2.5h14v19H5zM11 18.5h2",
  bot: "M5 9h14v10H5zM12 9V5M9.5 13v1.5M14.5 13v1.5M2.5 13v3M21.5 13v3",
  api: "M8 7l-5 5 5 5M16 7l5 5-5 5M13.5 5l-3 14",
  unknown: "M4 4h16v16H4zM9.7 9.5a2.4 2.4 0 1 1 3.4 2.2c-.8.4-1.1.9-1.1 1.8M12 16.6v.1",
  refresh: "M20 5v5h-5M20 10a8 8 0 1 0 .5 4.5",
  offline: "M3 3l18 18M8.5 15.5a5 5 0 0 1 7 0M5 12a10 10 0 0 1 4.5-2.5M14 9.3a10 10 0 0 1 5 2.7M12 19v.1",
  undo: "M8 5 3.5 9.5 8 14M4 9.5h10a5.5 5.5 0 0 1 0 11h-3",
  close: "M6 6l12 12M18 6 6 18",
} as const;

export type IconName = keyof typeof PATHS | keyof typeof icons;

export interface IconProps {
  name: IconName;
}

export function Icon(props: IconProps): ReactNode {
  const { cx, slots, part } = useShared();
  if (slots.Icon) return <slots.Icon {...props} />;
  const paths: { [N in IconName]?: string } = { ...PATHS, ...part("dialogs")?.icons };
  return (
    <svg
      className={cx("icon", props.name)}
      viewBox="0 0 24 24"
      width="24"
      height="24"
      fill="none"
      stroke="currentColor"
      aria-hidden="true"
    >
      <path d={paths[props.name]} />
    </svg>
  );
}
