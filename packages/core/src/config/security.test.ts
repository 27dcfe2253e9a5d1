/**
 * Owns the proof that keys about TLS and tokens go together, and that an API that is open to others says so.
 * SPDX-License-Identifier: Apache-2.0
 */
import { describe, expect, test } from "vitest";
import { exposureWarnings, parseConfig } from "./parse.js";

const certificate = { HTTPCertificateFile: "/c.pem", HTTPKeyFile: "/k.pem" };
const tokens = { HTTPTokenFile: "/tokens" };

const configOf = (raw: unknown) => {
  const result = parseConfig(raw, {});
  if (!result.ok) throw new Error(JSON.stringify(result.problems));
  return result.value.config;
};

describe("keys about TLS and tokens", () => {
  test.each([
    [{ HTTPCertificateFile: "/c.pem" }, "HTTPCertificateFile"],
    [{ HTTPKeyFile: "/k.pem" }, "HTTPCertificateFile"],
    [{ ArtifactKeyFile: "/k.pem" }, "ArtifactCertificateFile"],
    [{ RequireAuth: true }, "RequireAuth"],
    [{ RequireAuth: "True", HTTPBind: "127.0.0.1" }, "RequireAuth"],
    [{ RequireAuth: "yes" }, "RequireAuth"],
    [{ ...certificate, HTTPAdvertise: "http://a:1" }, "HTTPAdvertise"],
  ])("%j is refused", (raw, key) => {
    const result = parseConfig(raw, {});
    expect(result.ok ? [] : result.problems.map(({ path }) => path)).toEqual([key]);
  });

  test.each([
    [{ RequireAuth: true, ...tokens }, true],
    [{ RequireAuth: "TRUE", ...tokens }, true],
    [{ RequireAuth: false }, false],
    [{ RequireAuth: "" }, false],
    [{ ...certificate, HTTPAdvertise: "https://a:1" }, false],
  ])("%j is good", (raw, requireAuth) => {
    expect(configOf(raw).requireAuth).toBe(requireAuth);
  });
});

test.each([
  [{}, ["HTTPBind is 0.0.0.0 and there is no HTTPTokenFile"]],
  [{ HTTPBind: "10.0.0.1", ...certificate }, ["HTTPBind is 10.0.0.1 and there is no HTTPToken"]],
  [{ ...tokens }, ["HTTPBind is 0.0.0.0 and there is no HTTPCertificateFile"]],
  [{ ...tokens, HTTPAdvertise: "https://proxy:443" }, []],
  [{ ...tokens, ...certificate }, []],
  [{ HTTPBind: "127.0.0.1" }, []],
  [{ HTTPBind: "localhost" }, []],
  [{ HTTPBind: "::1" }, []],
])("of %j others can do %j", (raw, texts) => {
  expect(exposureWarnings(configOf(raw)).map(({ key, text }) => `${key} ${text}`)).toEqual(
    texts.map((text) => expect.stringContaining(text)),
  );
});
