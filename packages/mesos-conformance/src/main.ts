/**
 * Owns the program `mesos-conformance`: command line, signals, exit code. Nothing else.
 * SPDX-License-Identifier: Apache-2.0
 */
process.stdout.write("mesos-conformance\n");
