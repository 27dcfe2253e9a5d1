/**
 * Owns the tests of reading conntrack's lines, and of a cut's first step. SPDX-License-Identifier: Apache-2.0
 */
import { expect, test } from "vitest";
import { forget, parseFlows } from "./flows.js";
import { findForwardDropper } from "./support.js";
import { runTool, type ToolResult } from "./tools.js";

// Lines as conntrack 1.4.7 writes them.
const led =
  "tcp      6 431999 ESTABLISHED src=10.0.0.9 dst=10.0.0.5 sport=40000 dport=20000 src=10.0.1.1 dst=10.0.1.5 sport=6379 dport=40001 [ASSURED] mark=0 use=1";
const opening =
  "tcp      6 119 SYN_SENT src=10.0.0.9 dst=10.0.0.5 sport=40002 dport=20000 [UNREPLIED] src=10.0.1.1 dst=10.0.1.5 sport=6379 dport=40002 mark=0 use=1";
const plain =
  "tcp      6 431999 ESTABLISHED src=10.0.0.9 dst=10.0.0.5 sport=40000 dport=22 src=10.0.0.5 dst=10.0.0.9 sport=22 dport=40000 [ASSURED] mark=0 use=1";

const flow = {
  port: 20_000,
  client: { ip: "10.0.0.9", port: 40_000 },
  asked: { ip: "10.0.0.5", port: 20_000 },
  target: { ip: "10.0.1.1", port: 6_379 },
  seen: { ip: "10.0.1.5", port: 40_001 },
  stage: "open",
};

test("connections that were led are read, with what each end sees", () => {
  const offloaded = led.replace("431999 ESTABLISHED ", "").replace("ASSURED", "OFFLOAD");
  const ended = led.replace("ESTABLISHED", "TIME_WAIT");
  const text = [led, plain, ended, opening, offloaded, "", "nonsense"];
  expect(parseFlows(text.join("\n"))).toEqual([
    flow,
    { ...flow, stage: "over" },
    {
      ...flow,
      client: { ip: "10.0.0.9", port: 40_002 },
      seen: { ip: "10.0.1.5", port: 40_002 },
      stage: "opening",
    },
    flow,
  ]);
});

test("where there was nothing to forget is no problem; what else goes wrong is one", async () => {
  const answer = (stderr: string, stdout = ""): ToolResult => ({
    ...{ isOk: stdout !== "", stdout, stderr, problem: `conntrack ended with 1: ${stderr}` },
  });
  const answers = new Map([
    ["1", answer("conntrack v1.4.7 (conntrack-tools): 0 flow entries have been deleted.")],
    ["2", answer("Operation failed: you must be root")],
    ["3", answer("1 flow entries have been deleted.", `${led}\n`)],
  ]);
  const calls: string[] = [];
  const outcome = await forget(
    async (command, args) => {
      calls.push([command, ...args].join(" "));
      return answers.get(args[args.indexOf("--orig-port-dst") + 1] ?? "") ?? answer("?");
    },
    [1, 2, 3].map((port) => ({ port, target: flow.target })),
  );
  expect(outcome).toEqual({
    flows: [flow],
    left: [{ port: 2, target: flow.target }],
    problems: ["conntrack ended with 1: Operation failed: you must be root"],
  });
  expect(calls[0]).toBe(
    "conntrack -D -f ipv4 -p tcp --orig-port-dst 1 --reply-src 10.0.1.1 --reply-port-src 6379",
  );
});

test("a tool that cannot even be started has failed, and nothing else", async () => {
  // Node throws at this, as it does where no memory or file descriptor is left.
  const { isOk, problem } = await runTool("conntrack", ["\0"]);
  expect(isOk).toBe(false);
  expect(problem).toMatch(/^conntrack cannot be started: /);
});

test("a chain that drops what is forwarded is found, of IPv4 alone", () => {
  const chain = (family: string, hook: string, policy: string): string =>
    `table ${family} filter {\n\tchain FORWARD {\n\t\ttype filter hook ${hook} priority filter; policy ${policy};\n\t}\n}\n`;
  expect(findForwardDropper(chain("ip", "forward", "accept"))).toBeNull();
  expect(findForwardDropper(chain("ip", "input", "drop"))).toBeNull();
  expect(findForwardDropper(chain("ip6", "forward", "drop"))).toBeNull();
  expect(
    findForwardDropper(chain("ip6", "forward", "drop") + chain("inet", "forward", "drop")),
  ).toBe("the table inet filter");
});
