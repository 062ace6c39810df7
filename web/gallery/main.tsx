/** The gallery: one scene as the address asks for, or all of them below one another. */
import "./clock";
import { QueryClient } from "@tanstack/react-query";
import { type ReactElement, useEffect, useRef, useState } from "react";
import { createRoot } from "react-dom/client";
import { keys, preload, SessionProvider } from "../src/react";
import { act } from "./acting";
import { answering } from "./client";
import { NOW } from "./clock";
import { at, DEVICES, MINUTE } from "./fixtures";
import { SCENES, type Scene } from "./scenes";
import { CATALOGUES, DIRECTIONS, linkTo, THEMES, type View, viewOf } from "./view";

const view = viewOf(new URLSearchParams(location.search));
const catalogue = CATALOGUES[view.locale] ?? {};

function cacheFor(scene: Scene): QueryClient {
  const cache = new QueryClient({ defaultOptions: { queries: { retryDelay: 0 } } });
  const seen = { sessions: DEVICES, count: DEVICES.length, server_now: at(-5 * MINUTE) };
  if (scene.stale) cache.setQueryData(keys.sessions(), seen, { updatedAt: NOW - 5 * MINUTE });
  return cache;
}

interface CellProps {
  id: string;
  scene: Scene;
}

function Cell({ id, scene }: CellProps): ReactElement {
  const place = useRef<HTMLElement>(null);
  const [shared] = useState(() => ({
    client: answering(scene.answers ?? {}, scene.state),
    queryClient: cacheFor(scene),
  }));
  useEffect(() => {
    if (place.current) void act({ cell: place.current, cache: shared.queryClient, catalogue, scene });
  }, [shared, scene]);
  return (
    <section id={id} ref={place} className="cell">
      {view.state === null && (
        <h2>
          <a href={linkTo(view, { state: id })}>{id}</a>
        </h2>
      )}
      <SessionProvider
        {...shared}
        locale={view.locale}
        messages={catalogue}
        navigate={() => {}}
        reload={() => {}}
      >
        {scene.content}
      </SessionProvider>
    </section>
  );
}

function Choices({ of, among }: { of: keyof View; among: readonly string[] }): ReactElement {
  return (
    <p>
      {among.map((value) => (
        <a
          key={value}
          href={linkTo(view, { [of]: value })}
          aria-current={view[of] === value ? "true" : undefined}
        >
          {value}
        </a>
      ))}
    </p>
  );
}

function Gallery(): ReactElement {
  const [modal, inline] = [true, false].map((wanted) =>
    [...SCENES].filter(([, scene]) => Boolean(scene.modal) === wanted),
  );
  return (
    <>
      <h1>Gallery</h1>
      <nav aria-label="View">
        <Choices of="theme" among={THEMES} />
        <Choices of="dir" among={DIRECTIONS} />
        <Choices of="locale" among={Object.keys(CATALOGUES)} />
        <Choices of="state" among={modal?.map(([id]) => id) ?? []} />
      </nav>
      {inline?.map(([id, scene]) => (
        <Cell key={id} id={id} scene={scene} />
      ))}
    </>
  );
}

function Shown(): ReactElement {
  if (view.state === null) return <Gallery />;
  const scene = SCENES.get(view.state);
  return scene ? <Cell id={view.state} scene={scene} /> : <h1>There is no such state.</h1>;
}

Object.assign(document.documentElement, { lang: view.locale, dir: view.dir });
document.documentElement.dataset.theme = view.theme;
const address = view.state === null ? undefined : SCENES.get(view.state)?.address;
if (address !== undefined) history.replaceState(null, "", `?${address}`); // what is asked for here was read above
await preload(); // a cell is at rest when nothing is fetched any more
createRoot(document.getElementById("gallery") as HTMLElement).render(<Shown />);
