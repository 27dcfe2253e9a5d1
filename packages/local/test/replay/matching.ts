/**
 * Owns the comparison of what was recorded with what comes now: equal but for ids, times and places, and each id of the
 * recording always in the place of the same id of now (learned as they are met). Called by the replay.
 * SPDX-License-Identifier: Apache-2.0
 */

/** `<uuid>`, `<uuid>-0000`, `<uuid>-O7`, `<uuid>-S0` */
const idPattern = /[0-9a-f]{8}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{4}-[0-9a-f]{12}(?:-[OS]?\d+)?/g;

/** A UUID as bytes in base64, alone in its string. */
const base64Uuid = /^[A-Za-z0-9+/]{22}==$/;

/** Members whose value is another each time: times (or what has one below it) and process ids. */
const variableKeys = new Set(["timestamp", "unreachable_time", "start", "executor_pid"]);

const isRecord = (value: unknown): value is Readonly<Record<string, unknown>> =>
  typeof value === "object" && value !== null && !Array.isArray(value);

/** A text of now and what stands in its place in the recording: paths, ports, names of machines. */
export type Place = readonly [now: string, recorded: string];

/** Pairs of ids of one scenario. */
export class Matching {
  readonly #toNow = new Map<string, string>();
  readonly #toRecorded = new Map<string, string>();
  readonly #places: readonly Place[];

  constructor(places: readonly Place[]) {
    this.#places = places;
  }

  /** The id of now that stands for a recorded one; undefined when it was not met yet. */
  nowOf(recorded: string): string | undefined {
    return this.#toNow.get(recorded);
  }

  /** Notes a pair; false when one of the two has another partner already. */
  learn(recorded: string, now: string): boolean {
    const isNew = !this.#toNow.has(recorded) && !this.#toRecorded.has(now);
    if (isNew) {
      this.#toNow.set(recorded, now);
      this.#toRecorded.set(now, recorded);
    }
    return this.#toNow.get(recorded) === now && this.#toRecorded.get(now) === recorded;
  }

  /** Recorded ids in a text. */
  static idsIn(text: string): readonly string[] {
    return text.match(idPattern) ?? [];
  }

  /** A recorded value with the ids of now; those that were not met yet stay. */
  toNow(value: unknown): unknown {
    if (typeof value === "string") {
      if (base64Uuid.test(value)) return this.nowOf(value) ?? value;
      const text = value.replace(idPattern, (id) => this.nowOf(id) ?? id);
      return this.#places.find(([, recorded]) => recorded === text)?.[0] ?? text;
    }
    if (Array.isArray(value)) return value.map((item) => this.toNow(item));
    if (!isRecord(value)) return value;
    return Object.fromEntries(Object.entries(value).map(([key, item]) => [key, this.toNow(item)]));
  }

  /** Where the two differ, as `path: recorded X, now Y`; empty when they do not. */
  differences(recorded: unknown, now: unknown, path = ""): readonly string[] {
    if (typeof recorded === "string" && typeof now === "string") {
      return this.#textDiffers(recorded, now) ? [told(path, recorded, now)] : [];
    }
    if (Array.isArray(recorded) && Array.isArray(now)) {
      const [a, b] = path.endsWith("resources") ? [sorted(recorded), sorted(now)] : [recorded, now];
      if (a.length !== b.length) return [told(path, recorded, now)];
      return a.flatMap((item, index) => this.differences(item, b[index], `${path}[${index}]`));
    }
    if (isRecord(recorded) && isRecord(now)) {
      const keys = [...new Set([...Object.keys(recorded), ...Object.keys(now)])];
      return keys.flatMap((key) => {
        const below = path === "" ? key : `${path}.${key}`;
        if (variableKeys.has(key)) return shapeDiffers(recorded[key], now[key], below);
        return this.differences(recorded[key], now[key], below);
      });
    }
    return recorded === this.#placed(now) ? [] : [told(path, recorded, now)];
  }

  #placed(now: unknown): unknown {
    if (typeof now !== "number") return now;
    const found = this.#places.find(([one]) => one === String(now));
    return found === undefined ? now : Number(found[1]);
  }

  #textDiffers(recorded: string, now: string): boolean {
    if (base64Uuid.test(recorded) && base64Uuid.test(now)) return !this.learn(recorded, now);
    let placed = now;
    for (const [one, other] of this.#places) placed = placed.replaceAll(one, other);
    const a = Matching.idsIn(recorded);
    const b = Matching.idsIn(placed);
    if (recorded.replace(idPattern, "ID") !== placed.replace(idPattern, "ID")) return true;
    return a.some((id, index) => !this.learn(id, b[index] ?? ""));
  }
}

const told = (path: string, recorded: unknown, now: unknown): string =>
  `${path}: recorded ${brief(recorded)}, now ${brief(now)}`;

const brief = (value: unknown): string => (JSON.stringify(value) ?? "nothing").slice(0, 300);

function shapeDiffers(recorded: unknown, now: unknown, path: string): readonly string[] {
  const shape = (value: unknown): unknown =>
    isRecord(value) ? Object.keys(value).sort().join() : typeof value;
  return shape(recorded) === shape(now) ? [] : [told(path, recorded, now)];
}

/** Resources in an order of their own: theirs has no meaning. */
const sorted = (resources: readonly unknown[]): readonly unknown[] =>
  [...resources].sort((a, b) => (orderKey(a) < orderKey(b) ? -1 : 1));

function orderKey(resource: unknown): string {
  if (!isRecord(resource)) return "";
  const { name, reservations, scalar } = resource;
  const value = isRecord(scalar) ? scalar.value : "";
  return [name, Array.isArray(reservations) ? reservations.length : 0, value].join();
}
