/** Where people are sent, and where they come back to: only ever a path of this origin. */

/** A path that starts with two slashes would name another host. */
export function here(): string {
  const { pathname, search, hash } = location;
  return `/${pathname.replace(/^[/\\]+/, "")}${search}${hash}`;
}

export function withQuery(url: string, query: Record<string, string | null | undefined>): string {
  const [rest = "", hash] = url.split("#");
  const [path, search] = rest.split("?");
  const params = new URLSearchParams(search);
  for (const [name, value] of Object.entries(query)) if (value) params.set(name, value);
  return `${path}?${params}${hash ? `#${hash}` : ""}`;
}
