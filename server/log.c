/* SPDX-License-Identifier: MIT */
#include "server/log.h"

#include <stdarg.h>
#include <stdio.h>
#include <string.h>
#include <unistd.h>

#define LINE_MAX_BYTES 1024

/* What a client sent may stand in a line, and must not become two of them or
 * speak to the terminal. */
static void make_printable(char *s, size_t len)
{
	for (size_t i = 0; i < len; i++)
		if ((unsigned char)s[i] < 0x20 || s[i] == 0x7f)
			s[i] = '?';
}

static void write_line(const char *kind, const char *format, va_list ap)
{
	char line[LINE_MAX_BYTES];
	size_t len = (size_t)snprintf(line, sizeof(line), "mmapd: %s", kind);

	vsnprintf(line + len, sizeof(line) - len - 1, format, ap);
	len = strlen(line);
	make_printable(line, len);
	line[len++] = '\n';
	if (write(STDERR_FILENO, line, len) < 0)
		return;		/* nobody is left to tell */
}

void log_line(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	write_line("", format, ap);
	va_end(ap);
}

void log_warning(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	write_line("warning: ", format, ap);
	va_end(ap);
}

void log_error(const char *format, ...)
{
	va_list ap;

	va_start(ap, format);
	write_line("error: ", format, ap);
	va_end(ap);
}
