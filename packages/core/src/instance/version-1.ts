/**
 * Owns the reading of version 1 of the stored document of an instance: it is brought to version 2 with defaults.
 * Not: its check, which is that of version 2 (codec.ts): what is wrong in a record of version 1 is named there.
 * SPDX-License-Identifier: Apache-2.0
 */

type Raw = Readonly<Record<string, unknown>>;

const isRaw = (value: unknown): value is Raw =>
  typeof value === "object" && value !== null && !Array.isArray(value);

const mapped = (value: unknown, each: (raw: Raw, index: number) => Raw): unknown =>
  Array.isArray(value)
    ? value.map((element: unknown, index) => (isRaw(element) ? each(element, index) : element))
    : value;

/** Version 1 knew no members: whatever is recorded may follow the master, so all of them count. */
const processOf = (raw: Raw, index: number): Raw => ({
  ...raw,
  replicaSecret: raw.secret,
  replicaUser: `replica-${index + 1}`,
  member: true,
  expelled: false,
});

/** Version 1 knew confirmed deaths only. */
const failoverOf = (raw: Raw): Raw => ({
  ...raw,
  kind: "death",
  seen: [],
  candidates: mapped(raw.candidates, (candidate) => ({
    ...candidate,
    hostname: "unknown",
    dataEpoch: 0,
    diverged: false,
  })),
  bytesGivenUp: null,
  writerlessMs: null,
});

/** A document of version 1 as one of version 2; anything else as it is. */
export function upgraded(value: unknown): unknown {
  if (!isRaw(value) || value.version !== 1) return value;
  const { spec } = value;
  return {
    ...value,
    version: 2,
    spec: isRaw(spec) ? { ...spec, fencing: "on", onUnreachable: "replace" } : spec,
    processes: mapped(value.processes, processOf),
    failovers: mapped(value.failovers, failoverOf),
  };
}
