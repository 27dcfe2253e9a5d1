/**
 * Owns what bundles leave out of `dockerode`: engines over SSH, builds, sessions and archives, which nobody here asks for. With
 * them come native code that cannot be bundled, and nine tenths of its size.
 * Called by packages/executor/bundle.mjs.
 * SPDX-License-Identifier: Apache-2.0
 */

/** Modules of others that the left-out parts need. */
const leftOut =
  /^(ssh2|@grpc\/grpc-js|@grpc\/proto-loader|protobufjs|tar-fs|@balena\/dockerignore|debug)$/;

/** Only what these ask for is left out: others may need the same modules. */
const askedBy = /[\\/]node_modules[\\/](dockerode|docker-modem)[\\/]/;

/** A plugin of esbuild. A function that does nothing stands for each: `debug` is called, the others never are. */
export const slimDockerode = {
  name: "slim-dockerode",
  setup(context) {
    context.onResolve({ filter: leftOut }, ({ importer, path }) =>
      askedBy.test(importer) ? { path, namespace: "left-out" } : null,
    );
    context.onLoad({ filter: /./, namespace: "left-out" }, () => ({
      contents: "module.exports = () => () => undefined;",
    }));
  },
};
