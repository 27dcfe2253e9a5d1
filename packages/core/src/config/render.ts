/**
 * Owns the two texts made of the table: the empty configuration file, and the reference page.
 * Not: the table (table.ts). Called by the scheduler for `-DumpEmptyConfig`, and by the test that holds
 * docs/reference/configuration.md equal.
 * SPDX-License-Identifier: Apache-2.0
 */
import { crossRules } from "./parse.js";
import { configKeys, retiredKeys } from "./table.js";

/**
 * A file with every key at its default, as the ancestor's `-DumpEmptyConfig` writes it: all values are texts, three
 * blanks before a key, one before the closing brace, no line end behind it. The ancestor's keys come first.
 */
export function renderEmptyConfig(): string {
  const lines = configKeys.map(
    ({ key, defaultText }) => `   ${JSON.stringify(key)}: ${JSON.stringify(defaultText)}`,
  );
  return `{\n${lines.join(",\n")}\n }`;
}

/** The page docs/reference/configuration.md. */
export function renderConfigReference(): string {
  const rows = (ancestor: boolean): string[] => {
    const keys = configKeys.filter((entry) => entry.ancestor === ancestor);
    return [
      "| key | default | must be | unit | meaning |",
      "| --- | --- | --- | --- | --- |",
      ...keys.map(({ key, defaultText, allowed, unit, help }) =>
        cells([
          `\`${key}\``,
          defaultText === "" ? "" : `\`${defaultText}\``,
          allowed,
          unit ?? "",
          help,
        ]),
      ),
    ];
  };
  const lines = [
    "# Configuration",
    "",
    "<!-- Generated from packages/core/src/config/table.ts; a test holds it equal. -->",
    "",
    "`mrr-scheduler -config=./config.json` reads one JSON object. `mrr-scheduler -DumpEmptyConfig` prints one with",
    "every key at its default. Numbers may be written as numbers or as texts, lists as lists or as texts with commas.",
    "The case of keys does not matter. A key that is missing or null keeps its default, and so does an empty text",
    "where the value is a number or one of a few words. Unknown keys are warnings. All mistakes are reported at once.",
    "",
    "## Keys of mesos/mr-redis",
    "",
    ...rows(true),
    "",
    "`Master` may name several masters with commas, each with `http://` or `https://` in front or without (`MesosScheme`);",
    "any of them redirects to the leader. Or it is `zk://host:port,host:port/path` (`zk://user:password@...`), where the",
    "masters elect their leader. That needs the optional package `zookeeper`.",
    "",
    "## Further keys",
    "",
    ...rows(false),
    "",
    "The memory that a redis-server takes from Mesos is the asked memory and the larger of the two headrooms.",
    "",
    "## Mesos with TLS and authentication",
    "",
    "With `MesosCAFile` masters are called with TLS, and so are agents by the executors: the file is served to the agents",
    "beside the executor (plain HTTP, as that is), and only who it vouches for gets a principal's secret or hears of a",
    "task. Masters that are found in ZooKeeper are then called by the name that they announce, agents by their address;",
    "agents whose certificates are made for names need `AgentCertificateName` `hostname`. Where an agent has no TLS while",
    "masters do, set `AgentScheme` to `http`. Neither `Principal` nor the secret in `SecretFile` may hold a colon: Mesos",
    "can never authenticate those. A principal or secret that the masters refuse ends the scheduler with exit code 5.",
    "",
    "## Several schedulers",
    "",
    "With `DBType` `etcd` or `zookeeper` any number of schedulers may run with the same `DBEndPoint`: one leads, the",
    "others answer with a redirect to its `HTTPAdvertise` and take over within `LeaseTtlMs` and a second. Give each",
    "one an `HTTPAdvertise` (or `HTTPBind`) of its own. Entries of `DBEndPoint` without a port mean 2379 (etcd) or 2181",
    "(ZooKeeper); entries of etcd without `http://` or `https://` are `https` where one of the files for TLS is given.",
    "ZooKeeper's documents are then made for `DBUser` alone. `-check-config` and the log never show `DBPassword`.",
    "",
    "## Rules between keys",
    "",
    ...crossRules.map(({ keys, rule }) => `- \`${keys[0]}\` ${rule}.`),
    "",
    "## Keys of old versions",
    "",
    ...retiredKeys.map(({ key, text }) => `- \`${key}\` ${text}.`),
    "- `RedisPath` beginning with `.` named a file that the scheduler served; it has no effect, with a warning.",
    "- `ExecutorPath` may name the ancestor's `MrRedisExecutor`, or none; the shipped executor is served instead, with a warning",
    "  in the log.",
    "",
    "## Environment",
    "",
    "- `HOST` overrides the address on which the artifact server listens (not the one told to the agents).",
    "- `ETCD_LOCAL_ENDPOINT` overrides `DBEndPoint` where `DBType` is `etcd`.",
    "- `MRR_DB_PASSWORD` overrides `DBPassword`.",
    "",
  ];
  return lines.join("\n");
}

const cells = (texts: readonly string[]): string =>
  `| ${texts.map((text) => text.replaceAll("|", "\\|")).join(" | ")} |`;
