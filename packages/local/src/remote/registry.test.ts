/**
 * Owns the tests of the list of agents. SPDX-License-Identifier: Apache-2.0
 */
import { mkdtempSync, readdirSync, rmSync, writeFileSync } from "node:fs";
import { tmpdir } from "node:os";
import { join } from "node:path";
import { afterEach, beforeEach, expect, test } from "vitest";
import { lostAgentsMax } from "../master/books.js";
import { AgentRegistry } from "./registry.js";

let directory = "";
beforeEach(() => {
  directory = mkdtempSync(join(tmpdir(), "mrr-registry-"));
});
afterEach(() => rmSync(directory, { recursive: true, force: true }));

const all = () => [...new AgentRegistry(directory).agents];

test("states outlive the process, the newest last", () => {
  expect(all()).toEqual([]);
  const registry = new AgentRegistry(directory);
  registry.set("a", "registered");
  registry.set("b", "registered");
  registry.set("a", "unreachable");
  expect(all()).toEqual([
    ["b", "registered"],
    ["a", "unreachable"],
  ]);
  expect(readdirSync(directory)).toEqual(["agents.json"]);
});

test("of lost agents the oldest are forgotten, of registered ones none", () => {
  const agents = Array.from({ length: lostAgentsMax }, (_, index) => ({
    id: `lost-${index}`,
    state: "unreachable",
  }));
  const content = { version: 1, agents: [...agents, { id: "here", state: "registered" }] };
  writeFileSync(join(directory, "agents.json"), JSON.stringify(content));
  new AgentRegistry(directory).set("new", "gone");
  const ids = all().map(([id]) => id);
  expect(ids).toHaveLength(lostAgentsMax + 1);
  expect(ids).not.toContain("lost-0");
  expect(ids.slice(-2)).toEqual(["here", "new"]);
});

test.each(["", "{", '{"version":2,"agents":[]}', '{"version":1,"agents":[{"id":1}]}', "null"])(
  "a list that cannot be understood is refused: %s",
  (text) => {
    writeFileSync(join(directory, "agents.json"), text);
    expect(() => new AgentRegistry(directory)).toThrow("cannot be read");
  },
);
