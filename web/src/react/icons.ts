/** The icons of the dialogs. */

export const icons = {
  warning: "M12 3.5 2.5 20h19zM12 10v4.5M12 17.2v.1",
  clock: "M12 3a9 9 0 1 0 0 18 9 9 0 0 0 0-18zM12 7.5v5l3 2",
  shield: "M12 3l7.5 3v6c0 4.5-3.2 7.5-7.5 9-4.3-1.5-7.5-4.5-7.5-9V6z",
  lock: "M6 11h12v9H6zM8.5 11V8a3.5 3.5 0 0 1 7 0v3",
} as const;
