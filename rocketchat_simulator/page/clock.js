// The workspace's time, which the demo can move ahead of this computer's.

const NOTABLE_MS = 5000;

/** `changed()` is called when it was moved. */
export class Clock {
  #lead = 0;
  #changed;

  constructor(changed) {
    this.#changed = changed;
  }

  now() {
    return Date.now() + this.#lead;
  }

  /** Whether it shows another time than this computer's own. */
  get isMoved() {
    return this.#lead !== 0;
  }

  /** Take in what the workspace's clock shows. */
  follow(time, isMoved) {
    const lead = isMoved ? time - Date.now() : 0;
    if (Math.abs(lead - this.#lead) < NOTABLE_MS) return;
    this.#lead = lead;
    this.#changed();
  }
}
