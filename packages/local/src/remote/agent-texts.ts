/**
 * Owns reading what an operator writes of an agent, in the words of Mesos' own flags: resources, attributes, fault
 * domain, address of the master. Not: defaults (agent-flags.ts). Called by agent-flags.ts.
 * SPDX-License-Identifier: Apache-2.0
 */
import {
  type Attribute,
  type DomainInfo,
  type Resource,
  resourcesProblem,
  type ValueRange,
} from "@mr-redis/mesos";

/** A value, or the rule that the text breaks. */
export type ReadText<Value> =
  | { readonly ok: true; readonly value: Value }
  | { readonly ok: false; readonly rule: string };

const read = <Value>(value: Value): ReadText<Value> => ({ ok: true, value });

/** `name:value` pairs; null when one is not of this form. */
function pairsOf(text: string): readonly (readonly [string, string])[] | null {
  const parts = text
    .split(";")
    .map((part) => part.trim())
    .filter((part) => part !== "");
  const pairs = parts.map((part) => /^([^:]+):(.+)$/s.exec(part));
  return pairs.every((pair) => pair !== null)
    ? pairs.map((pair) => [pair[1]?.trim() ?? "", pair[2]?.trim() ?? ""] as const)
    : null;
}

/** `[1-2, 5-6]`; null when it is none. */
function rangesOf(text: string): readonly ValueRange[] | null {
  const inner = /^\[(.*)\]$/s.exec(text)?.[1];
  if (inner === undefined) return null;
  const ranges = inner.split(",").map((part) => /^\s*(\d+)\s*-\s*(\d+)\s*$/.exec(part));
  return ranges.every((range) => range !== null)
    ? ranges.map((range) => ({ begin: Number(range[1]), end: Number(range[2]) }))
    : null;
}

const scalarPattern = /^\d+(\.\d+)?$/;

/** Resources such as `cpus:4;mem:2048;ports:[31000-32000]`, unreserved. */
export function readResources(text: string): ReadText<readonly Resource[]> {
  const form = "must look like cpus:4;mem:2048;disk:10240;ports:[31000-32000]";
  const pairs = pairsOf(text);
  if (pairs === null) return { ok: false, rule: form };
  const resources: Resource[] = [];
  for (const [name, value] of pairs) {
    const range = rangesOf(value);
    if (range !== null) resources.push({ name, type: "RANGES", ranges: { range } });
    else if (scalarPattern.test(value)) {
      resources.push({ name, type: "SCALAR", scalar: { value: Number(value) } });
    } else return { ok: false, rule: form };
  }
  const names = new Set(resources.map(({ name }) => name));
  if (names.size < resources.length) return { ok: false, rule: "must name each resource once" };
  const wrong = resources.find(
    ({ name, type }) => /[()]/.test(name) || (name === "ports") !== (type === "RANGES"),
  );
  if (wrong !== undefined) {
    return { ok: false, rule: `${form}; ${wrong.name} is not known in this form` };
  }
  const problem = resourcesProblem(resources);
  return problem === undefined ? read(resources) : { ok: false, rule: problem };
}

/** Attributes such as `rack:r1;zone:z1`: numbers are SCALAR, `[1-2]` is RANGES, all else TEXT, as with a real agent. */
export function readAttributes(text: string): ReadText<readonly Attribute[]> {
  const pairs = pairsOf(text);
  if (pairs === null) return { ok: false, rule: "must look like name:value;name:value" };
  return read(
    pairs.map(([name, value]): Attribute => {
      const range = rangesOf(value);
      if (range !== null) return { name, type: "RANGES", ranges: { range } };
      return scalarPattern.test(value)
        ? { name, type: "SCALAR", scalar: { value: Number(value) } }
        : { name, type: "TEXT", text: { value } };
    }),
  );
}

/** A fault domain: `REGION/ZONE`, or the JSON of Mesos' own flag. */
export function readDomain(text: string): ReadText<DomainInfo> {
  const form = 'must be REGION/ZONE, or {"fault_domain":{"region":{"name":…},"zone":{"name":…}}}';
  const short = /^([^/{}]+)\/([^/{}]+)$/.exec(text);
  const named = short === null ? namesIn(text) : { region: short[1], zone: short[2] };
  const { region, zone } = named;
  if (typeof region !== "string" || typeof zone !== "string" || region === "" || zone === "") {
    return { ok: false, rule: form };
  }
  return read({ fault_domain: { region: { name: region }, zone: { name: zone } } });
}

function namesIn(text: string): { readonly region?: unknown; readonly zone?: unknown } {
  try {
    const domain = JSON.parse(text)?.fault_domain;
    return { region: domain?.region?.name, zone: domain?.zone?.name };
  } catch {
    return {};
  }
}

/** Host and port of a master: `10.0.0.1:5050`, or a name; the port may be left out. */
export function readMaster(
  text: string,
): ReadText<{ readonly host: string; readonly port: number }> {
  const match = /^(?:http:\/\/)?([A-Za-z0-9.-]+)(?::(\d{1,5}))?\/?$/.exec(text);
  const port = Number(match?.[2] ?? 5050);
  return match?.[1] === undefined || port < 1 || port > 65_535
    ? { ok: false, rule: "must be HOST:PORT of a running mrr-local master" }
    : read({ host: match[1], port });
}
