/** "/" leads to the search, unless one types, or has turned that off. */

import { type ReactNode, type RefObject, useEffect, useState } from "react";
import { useShared } from "../../react/context";

const NAME = "sojourn-admin-slash";

const isOn = (): boolean => {
  try {
    return localStorage.getItem(NAME) !== "off";
  } catch {
    return true;
  }
};

const TYPING = "input, textarea, select, [contenteditable], dialog";

export function useSlash(field: RefObject<HTMLInputElement | null>): void {
  useEffect(() => {
    const pressed = (event: KeyboardEvent) => {
      const busy = document.activeElement?.closest(TYPING) || event.ctrlKey || event.metaKey || event.altKey;
      if (event.key !== "/" || busy || !isOn()) return;
      event.preventDefault();
      field.current?.focus();
    };
    addEventListener("keydown", pressed);
    return () => removeEventListener("keydown", pressed);
  }, [field]);
}

export function Keys(): ReactNode {
  const { cx } = useShared();
  const [on, setOn] = useState(isOn);
  const choose = (wanted: boolean) => {
    setOn(wanted);
    try {
      localStorage.setItem(NAME, wanted ? "on" : "off");
    } catch {} // then it holds for this page
  };
  return (
    <label className={cx("choice")}>
      <input type="checkbox" checked={on} onChange={(event) => choose(event.currentTarget.checked)} />
      The key “/” leads to the search
    </label>
  );
}
