/** What has been done, said once and politely; the one status region of the page. */

import { type ReactNode, useEffect } from "react";
import { Button } from "./Button";
import { useShared } from "./context";
import { Icon } from "./Icon";
import { type Store, useStore } from "./store";

const SHOWN = 10_000;

/** Whether it is this one's turn: what you placed goes before the one that the provider brings. */
export function useTurn(placed: Store<number>, fallback = false): boolean {
  useEffect(() => {
    if (fallback) return;
    placed.set(placed.get() + 1);
    return () => placed.set(placed.get() - 1);
  }, [placed, fallback]);
  return useStore(placed) === 0 || !fallback;
}

export function Notices({ fallback }: { fallback?: boolean }): ReactNode {
  const { board, boards, cx } = useShared();
  const notices = useStore(board);
  if (!useTurn(boards, fallback)) return null;
  return (
    <div className={cx("notices")} role="status">
      {notices.map((notice) => (
        <Posted key={notice.id} {...notice} />
      ))}
    </div>
  );
}

interface PostedProps {
  id: number;
  kind: string;
  text: string;
  quiet?: boolean;
}

function Posted({ id, kind, text, quiet }: PostedProps): ReactNode {
  const { board, cx, t } = useShared();
  const close = () => board.set(board.get().filter((notice) => notice.id !== id));
  // biome-ignore lint/correctness/useExhaustiveDependencies: once for each notice
  useEffect(() => {
    const timer = setTimeout(close, SHOWN);
    return () => clearTimeout(timer);
  }, []);
  if (quiet) return <p className={cx("unseen")}>{text}</p>;
  return (
    <div className={cx("notice", "toast", kind === "error" && "bad")}>
      <span>{text}</span>
      <Button tone="plain" label={t("common.close")} onClick={close}>
        <Icon name="close" />
      </Button>
    </div>
  );
}
