/* SPDX-License-Identifier: MIT */
#ifndef SERVER_VERSION_H
#define SERVER_VERSION_H

#ifdef HAVE_CONFIG_H
#include <config.h>		/* the one that configure makes */
#define MMAPD_VERSION PACKAGE_VERSION
#else
#define MMAPD_VERSION "unreleased"
#endif

#endif
