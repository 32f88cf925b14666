#!/bin/sh
# SPDX-License-Identifier: MIT
# Make ./configure from configure.ac. Needed in a git checkout only: a release
# tarball ships it.
set -e
cd "$(dirname "$0")"
mkdir -p build-aux
exec autoreconf --install --force --warnings=all "$@"
