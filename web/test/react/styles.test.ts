import { readdirSync, readFileSync } from "node:fs";
import { join } from "node:path";
import { describe, expect, it } from "vitest";

const SOURCE = join(import.meta.dirname, "../../src");
const read = (path: string): string => readFileSync(join(SOURCE, path), "utf8");
const tokens = new Map(
  [...read("styles/tokens.css").matchAll(/--sojourn-([\w-]+):\s*([^;]+);/g)].map((match) => [
    match[1],
    match[2] ?? "",
  ]),
);

function luminance(hex: string): number {
  const channel = (at: number) => {
    const value = Number.parseInt(hex.slice(at, at + 2), 16) / 255;
    return value <= 0.03928 ? value / 12.92 : ((value + 0.055) / 1.055) ** 2.4;
  };
  return 0.2126 * channel(1) + 0.7152 * channel(3) + 0.0722 * channel(5);
}

function contrast(one: string, other: string, theme: number): number {
  const colour = (name: string) => luminance((tokens.get(name)?.match(/#\w{6}/g) ?? []).at(theme) as string);
  const [light = 0, dark = 0] = [colour(one), colour(other)].sort((a, b) => b - a);
  return (light + 0.05) / (dark + 0.05);
}

const TEXT: [string, string][] = [
  ["fg", "bg"],
  ["fg", "card"],
  ["fg", "soft"],
  ["fg", "ok-soft"],
  ["fg", "danger-soft"],
  ["fg", "warn-soft"],
  ["muted", "bg"],
  ["muted", "card"],
  ["muted", "warn-soft"],
  ["muted", "danger-soft"],
  ["accent", "card"],
  ["accent", "soft"],
  ["on-accent", "accent"],
  ["danger", "card"],
  ["danger", "danger-soft"],
  ["card", "danger"],
  ["ok", "ok-soft"],
  ["warn", "warn-soft"],
  ["on-yellow", "yellow"],
];
const SHAPES: [string, string][] = [
  ["edge", "card"],
  ["edge", "bg"],
  ["accent", "bg"],
  ["danger", "bg"],
];

describe.each(["light", "dark"])("in the %s theme", (name) => {
  const theme = name === "light" ? 0 : -1;
  it.each(TEXT)("%s can be read on %s", (one, other) => {
    expect(contrast(one, other, theme)).toBeGreaterThanOrEqual(4.5);
  });
  it.each(SHAPES)("%s can be made out on %s", (one, other) => {
    expect(contrast(one, other, theme)).toBeGreaterThanOrEqual(3);
  });
});

describe("the style sheet", () => {
  const css = read("styles/components.css");
  const code = readdirSync(join(SOURCE, "react"))
    .map((name) => read(`react/${name}`))
    .join("\n");

  it("speaks only of class names that the parts have", () => {
    const given = [...css.matchAll(/\.sojourn-(\w+)/g)].map((match) => match[1] ?? "");
    const unknown = [...new Set(given)].filter((name) => !new RegExp(`"${name}"|\\b${name}:`).test(code));
    expect(unknown).toEqual([]);
  });

  it("knows no left and right, and outranks nobody", () => {
    expect(css).not.toMatch(/\b(margin|padding|border)-(left|right|top|bottom)|\b(left|right):|!important/);
    const heavy = css.split("\n").filter((line) => /^\s*\.[\w-]+.*\{/.test(line));
    expect(heavy).toEqual([]);
  });

  it("is all the styling there is: no style attributes, no markup from strings", () => {
    expect(code).not.toMatch(/\bstyle=|innerHTML|dangerouslySetInnerHTML|insertAdjacentHTML/);
  });
});
