/** Stops the clock, so that a picture of today is the picture of tomorrow. To be imported before anything else. */

export const NOW: number = Date.UTC(2025, 10, 8, 17, 46, 3);

const Running = globalThis.Date;

class Stopped extends Running {
  constructor(...given: unknown[]) {
    super(...((given.length ? given : [NOW]) as [number]));
  }

  static override now(): number {
    return NOW;
  }
}

globalThis.Date = Stopped as DateConstructor;
