/**
 * Holds the section Environment of docs/reference/configuration.md equal to the variables that are looked at.
 * SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import { parseConfig } from "./parse.js";
import { renderConfigReference, renderEmptyConfig } from "./render.js";

test("the page names each variable that is looked at, and no other", () => {
  const asked = new Set<string>();
  const environment = new Proxy<Record<string, string | undefined>>(
    {},
    {
      get: (_target, name) => {
        asked.add(String(name));
        return undefined;
      },
    },
  );
  for (const DBType of ["embedded", "etcd", "zookeeper"]) {
    for (const DBUser of ["", "somebody"]) parseConfig({ DBType, DBUser }, environment);
  }
  const [, section = ""] = renderConfigReference().split("\n## Environment\n");
  const named = [...section.matchAll(/^- `([A-Z_]+)`/gm)].map(([, name]) => name);
  expect(named.sort(), "the lines of ## Environment in config/render.ts").toEqual(
    [...asked].sort(),
  );
});

test("a file with every key at the default that is told is the same as none", () => {
  expect(parseConfig(JSON.parse(renderEmptyConfig()), {})).toEqual(parseConfig({}, {}));
});
