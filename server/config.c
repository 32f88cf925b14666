/* SPDX-License-Identifier: MIT */
/*
 * Every setting stands once, in the table below: its option, the key of the
 * same name in the file, its variable (MMAPD_ and the name in capitals), what
 * --help says, and how a value is taken. The file is lines of "key = value";
 * "#" and ";" begin comments, a "[section]" line is allowed and means nothing,
 * and keys that may be repeated are.
 */
#include "server/config.h"

#include <argp.h>
#include <arpa/inet.h>
#include <ctype.h>
#include <errno.h>
#include <stdarg.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sysexits.h>
#include <unistd.h>

#include "server/log.h"
#include "server/version.h"

#define WORKERS_MAX	256
#define TOKEN_MIN	16
#define TOKEN_MAX	1024

struct setting {
	const char *name;
	int key;			/* argp's */
	const char *value;		/* "FILE"; NULL: a switch */
	const char *help;
	/* Returns NULL, or what is wrong with @text. */
	const char *(*take)(struct server_config *config, const char *text);
	bool repeats;			/* adds rather than replaces */
};

static char *copy_text(const char *text)
{
	char *copy = strdup(text);

	if (!copy) {
		log_error("out of memory");
		exit(EX_OSERR);
	}
	return copy;
}

static const char *set_text(const char **to, const char *text)
{
	if (!*text)
		return "must not be empty";
	free((char *)*to);
	*to = copy_text(text);
	return NULL;
}

static const char *add_text(char ***list, const char *text)
{
	size_t n = 0;
	char **longer;

	if (!*text)
		return "must not be empty";
	while (*list && (*list)[n])
		n++;
	longer = realloc(*list, (n + 2) * sizeof(*longer));
	if (!longer)
		return "out of memory";
	longer[n] = copy_text(text);
	longer[n + 1] = NULL;
	for (char *c = longer[n]; *c; c++)
		*c = (char)tolower((unsigned char)*c);
	*list = longer;
	return NULL;
}

/* ---- one function a setting ---- */

static bool parse_number(const char *text, unsigned long max,
			 unsigned long *value)
{
	char *end;

	if (!isdigit((unsigned char)*text))
		return false;
	errno = 0;
	*value = strtoul(text, &end, 10);
	return !*end && !errno && *value <= max;
}

static const char *take_listen(struct server_config *c, const char *text)
{
	const char *colon = strrchr(text, ':');
	size_t len = colon ? (size_t)(colon - text) : 0;
	unsigned long port;

	if (!colon || !len || len >= sizeof(c->listen_host) ||
	    !parse_number(colon + 1, 65535, &port))
		return "must be ADDRESS:PORT, such as 127.0.0.1:8642 or "
		       "[::1]:8642";
	memcpy(c->listen_host, text, len);
	c->listen_host[len] = '\0';
	c->listen_port = (uint16_t)port;
	return NULL;
}

static const char *take_workers(struct server_config *c, const char *text)
{
	unsigned long n;

	if (!parse_number(text, WORKERS_MAX, &n) || !n)
		return "must be a number from 1 to 256";
	c->workers = (uint32_t)n;
	return NULL;
}

static const char *take_memory(struct server_config *c, const char *text)
{
	static const char units[] = "KMGT";
	const char *unit;
	char *end;

	errno = 0;
	c->memory = isdigit((unsigned char)*text) ? strtoull(text, &end, 10) : 0;
	if (!c->memory || errno)
		return "must be a size, such as 512M or 4G";
	unit = *end ? strchr(units, toupper((unsigned char)*end)) : NULL;
	if (unit && !end[1] && c->memory < 1ULL << 20)
		c->memory <<= 10 * (unit - units + 1);
	else if (*end)
		return "must be a size, such as 512M or 4G";
	return c->memory < 16 << 20 ? "must be at least 16M" : NULL;
}

static const char *take_ephemeral(struct server_config *c, const char *text)
{
	if (!text || !strcmp(text, "true") || !strcmp(text, "yes") ||
	    !strcmp(text, "1"))
		c->ephemeral = true;
	else if (!strcmp(text, "false") || !strcmp(text, "no") ||
		 !strcmp(text, "0"))
		c->ephemeral = false;
	else
		return "must be true or false";
	return NULL;
}

static const char *take_store(struct server_config *c, const char *text)
{
	(void)c;
	(void)text;
	return "this version has no store yet: machines live in memory alone; "
	       "leave --store out";
}

static const char *take_data(struct server_config *c, const char *text)
{
	return set_text(&c->data_dir, text);
}

static const char *take_port_file(struct server_config *c, const char *text)
{
	return set_text(&c->port_file, text);
}

static const char *take_token_file(struct server_config *c, const char *text)
{
	return set_text(&c->token_file, text);
}

static const char *take_config(struct server_config *c, const char *text)
{
	return set_text(&c->config_file, text);
}

static const char *take_dumps(struct server_config *c, const char *text)
{
	return set_text(&c->dump_dir, text);
}

static const char *take_allow_host(struct server_config *c, const char *text)
{
	if (strpbrk(text, "/ @,"))
		return "must be a host name, with :PORT if it is not ours";
	return add_text(&c->allow_host, text);
}

static const char *take_allow_origin(struct server_config *c, const char *text)
{
	const char *host = strstr(text, "://");

	if (!host || host == text || !host[3] || strchr(host + 3, '/'))
		return "must be an origin, such as https://example.org";
	return add_text(&c->allow_origin, text);
}

static const struct setting settings[] = {
	{ "listen", 'l', "ADDRESS:PORT",
	  "Where to listen (127.0.0.1:8642); port 0 picks a free one. An "
	  "address that is not loopback needs --token-file", take_listen,
	  false },
	{ "workers", 'w', "N", "Event loops (one a core)", take_workers,
	  false },
	{ "memory", 'm', "SIZE",
	  "Host memory that all machines may hold, such as 4G (half of what the host, "
	  "the control group and ulimit -v leave)", take_memory, false },
	{ "ephemeral", 'e', NULL, "Keep nothing: machines live in memory",
	  take_ephemeral, false },
	{ "data", 'd', "DIR",
	  "Where what must last is kept ($XDG_STATE_HOME/mmapd); nothing is, "
	  "in this version", take_data, false },
	{ "store", 's', "URL", "A store outside DIR; none in this version",
	  take_store, false },
	{ "token-file", 't', "FILE",
	  "Serve only requests with \"Authorization: Bearer\" and the token in "
	  "FILE", take_token_file, false },
	{ "allow-host", 'H', "NAME",
	  "Also serve requests whose Host is NAME or NAME:PORT; may be "
	  "repeated", take_allow_host, true },
	{ "allow-origin", 'O', "ORIGIN",
	  "Also serve pages of ORIGIN, such as https://example.org; may be "
	  "repeated", take_allow_origin, true },
	{ "config", 'c', "FILE",
	  "Read settings from FILE (" CONFIG_FILE ", if there is one)",
	  take_config, false },
	{ "dumps", 'D', "DIR",
	  "Write the memory and the history of a machine whose inside broke, which "
	  "is our mistake, to files in DIR (DIR of --data and /dumps; with "
	  "--ephemeral none); 16 of them at most", take_dumps, false },
	{ "port-file", 'p', "FILE", "Write the port in use to FILE",
	  take_port_file, false },
};

#define NR_SETTINGS (sizeof(settings) / sizeof(settings[0]))

/* ---- from where ---- */

/* Which settings a stronger place has already given. */
struct reading {
	struct server_config *config;
	bool given[NR_SETTINGS];
};

static void __attribute__((format(printf, 1, 2), noreturn))
usage_error(const char *format, ...)
{
	char why[512];
	va_list ap;

	va_start(ap, format);
	vsnprintf(why, sizeof(why), format, ap);
	va_end(ap);
	log_error("%s", why);
	exit(EX_USAGE);
}

static error_t parse_option(int key, char *arg, struct argp_state *state)
{
	struct reading *r = state->input;
	const char *why;

	if (key == ARGP_KEY_ARG)
		argp_error(state, "\"%s\" is not an option", arg);
	for (size_t i = 0; i < NR_SETTINGS; i++) {
		if (settings[i].key != key)
			continue;
		why = settings[i].take(r->config, arg);
		if (why)
			usage_error("--%s: %s", settings[i].name, why);
		r->given[i] = true;
		return 0;
	}
	return ARGP_ERR_UNKNOWN;
}

static void read_command_line(struct reading *r, int argc, char **argv)
{
	struct argp_option options[NR_SETTINGS + 1] = { 0 };
	struct argp argp = {
		.options = options,
		.parser = parse_option,
		.doc = "Hosts simulated machines with Linux's memory manager, "
		       "over HTTP and JSON-RPC.\v"
		       "Each option can also stand in the file of --config, as "
		       "\"key = value\", or in the environment: --token-file "
		       "is token-file and MMAPD_TOKEN_FILE. The command line "
		       "is strongest, then the environment, then the file.",
	};

	for (size_t i = 0; i < NR_SETTINGS; i++)
		options[i] = (struct argp_option){
			.name = settings[i].name,
			.key = settings[i].key,
			.arg = settings[i].value,
			.doc = settings[i].help,
		};
	argp_program_version = "mmapd " MMAPD_VERSION;
	argp_err_exit_status = EX_USAGE;
	argp_parse(&argp, argc, argv, 0, NULL, r);
}

static void read_environment(struct reading *r)
{
	for (size_t i = 0; i < NR_SETTINGS; i++) {
		char name[32] = "MMAPD_";
		const char *text, *why;

		for (size_t k = 0; settings[i].name[k]; k++) {
			char c = settings[i].name[k];

			name[6 + k] = c == '-' ? '_' :
				      (char)toupper((unsigned char)c);
		}
		text = getenv(name);
		if (!text || r->given[i])
			continue;
		why = settings[i].take(r->config, text);
		if (why)
			usage_error("%s: %s", name, why);
		r->given[i] = true;
	}
}

static char *trim(char *s)
{
	char *end;

	while (isspace((unsigned char)*s))
		s++;
	end = s + strlen(s);
	while (end > s && isspace((unsigned char)end[-1]))
		end--;
	*end = '\0';
	return s;
}

/* One "key = value"; @mine notes what this file has set, to repeat or not. */
static void take_line(struct reading *r, char *line, const char *file,
		      int number)
{
	char *equals = strchr(line, '='), *key;
	const char *why;

	if (!equals)
		usage_error("%s, line %d: not \"key = value\"", file, number);
	*equals = '\0';
	key = trim(line);
	for (size_t i = 0; i < NR_SETTINGS; i++) {
		if (strcmp(key, settings[i].name))
			continue;
		if (r->given[i])
			return;
		why = settings[i].take(r->config, trim(equals + 1));
		if (why)
			usage_error("%s, line %d: %s: %s", file, number, key,
				    why);
		return;
	}
	usage_error("%s, line %d: no setting is called \"%s\"", file, number,
		    key);
}

static void read_file(struct reading *r)
{
	const char *file = r->config->config_file;
	char *line = NULL;
	size_t room = 0;
	FILE *f;

	f = fopen(file ? file : CONFIG_FILE, "re");
	if (!f && !file)
		return;
	if (!f)
		usage_error("--config: %s: %s", file, strerror(errno));
	if (!file)
		file = CONFIG_FILE;
	for (int number = 1; getline(&line, &room, f) >= 0; number++) {
		char *text = trim(line);

		if (*text && !strchr("#;[", *text))
			take_line(r, text, file, number);
	}
	free(line);
	fclose(f);
}

/* ---- together ---- */

static void set_defaults(struct server_config *c)
{
	long cores = sysconf(_SC_NPROCESSORS_ONLN);

	memset(c, 0, sizeof(*c));
	strcpy(c->listen_host, "127.0.0.1");
	c->listen_port = 8642;
	c->workers = cores < 1 ? 1 : cores > WORKERS_MAX ? WORKERS_MAX :
							   (uint32_t)cores;
}

bool config_is_loopback(const char *host)
{
	struct in_addr v4;

	if (inet_pton(AF_INET, host, &v4) == 1)
		return ntohl(v4.s_addr) >> 24 == 127;
	return !strcmp(host, "localhost") || !strcmp(host, "[::1]");
}

static void check(const struct server_config *c)
{
	if (!config_is_loopback(c->listen_host) && !c->token_file)
		usage_error("--listen: %s can be reached from outside: that "
			    "needs --token-file", c->listen_host);
	if (!c->ephemeral)
		log_warning("this version keeps nothing: machines live in "
			    "memory and end with the daemon "
			    "(--ephemeral says that you know)");
}

/* Beside what lasts: allocated, or NULL where this user has no such place. */
static const char *default_dumps(const struct server_config *c)
{
	const char *state = getenv("XDG_STATE_HOME"), *home = getenv("HOME");
	char *path = NULL;
	int len = -1;

	if (c->data_dir)
		len = asprintf(&path, "%s/dumps", c->data_dir);
	else if (state && *state)
		len = asprintf(&path, "%s/mmapd/dumps", state);
	else if (home && *home)
		len = asprintf(&path, "%s/.local/state/mmapd/dumps", home);
	return len < 0 ? NULL : path;
}

void config_read(struct server_config *config, int argc, char **argv)
{
	struct reading r = { .config = config };

	set_defaults(config);
	read_command_line(&r, argc, argv);
	read_environment(&r);
	read_file(&r);
	check(config);
	if (!config->dump_dir && !config->ephemeral)
		config->dump_dir = default_dumps(config);
}

static void free_list(char **list)
{
	for (char **s = list; s && *s; s++)
		free(*s);
	free(list);
}

void config_free(struct server_config *c)
{
	free((char *)c->data_dir);
	free((char *)c->store);
	free((char *)c->port_file);
	free((char *)c->token_file);
	free((char *)c->config_file);
	free((char *)c->dump_dir);
	free_list(c->allow_host);
	free_list(c->allow_origin);
}

/* ---- the token ---- */

char *config_token(const char *file)
{
	char text[TOKEN_MAX + 2] = "", *token;
	FILE *f = fopen(file, "re");
	size_t len;

	if (!f) {
		log_error("--token-file: %s: %s", file, strerror(errno));
		return NULL;
	}
	len = fread(text, 1, sizeof(text) - 1, f);
	fclose(f);
	token = trim(text);
	if (len > TOKEN_MAX || strlen(token) < TOKEN_MIN ||
	    strpbrk(token, " \t\r\n")) {
		log_error("--token-file: %s must hold one token of %d to %d "
			  "characters", file, TOKEN_MIN, TOKEN_MAX);
		return NULL;
	}
	return copy_text(token);
}
