/* SPDX-License-Identifier: MIT */
/* Lines on standard error: whole, one write each, safe to show in a terminal. */
#ifndef SERVER_LOG_H
#define SERVER_LOG_H

/* "mmapd: …" */
void log_line(const char *format, ...) __attribute__((format(printf, 1, 2)));
/* "mmapd: warning: …" */
void log_warning(const char *format, ...)
	__attribute__((format(printf, 1, 2)));
/* "mmapd: error: …" */
void log_error(const char *format, ...) __attribute__((format(printf, 1, 2)));

#endif
