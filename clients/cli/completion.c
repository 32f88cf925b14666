/* SPDX-License-Identifier: MIT */
#include "clients/cli/completion.h"

#include <stdio.h>
#include <string.h>

#include "clients/cli/commands.h"
#include "clients/cli/transport.h"

/*
 * The words are taken from the line itself: readline breaks them at "=" and "|",
 * and wants only what follows the last of those.
 */
static const char script[] =
	"_mmapctl_machines() {\n"
	"\tmmapctl \"$@\" --json ls 2>/dev/null |\n"
	"\t\tsed -n 's/^ *\"name\": \"\\(.*\\)\".*/\\1/p'\n"
	"}\n"
	"\n"
	"_mmapctl() {\n"
	"\tlocal line=${COMP_LINE:0:COMP_POINT} words cur last= command= i\n"
	"\tlocal server=() candidates\n"
	"\tread -ra words <<<\"$line\"\n"
	"\tcase $line in\n"
	"\t*[[:space:]]) words+=('') ;;\n"
	"\tesac\n"
	"\tcur=${words[-1]}\n"
	"\tfor ((i = 1; i < ${#words[@]} - 1; i++)); do\n"
	"\t\tlast=\n"
	"\t\tcase ${words[i]} in\n"
	"\t\t-s | --server)\n"
	"\t\t\tserver=(--server \"${words[i + 1]}\")\n"
	"\t\t\tlast=${words[i]}\n"
	"\t\t\t((i++)) ;;\n"
	"\t\t-m | --machine)\n"
	"\t\t\tlast=${words[i]}\n"
	"\t\t\t((i++)) ;;\n"
	"\t\t-*) ;;\n"
	"\t\t*) command=${command:-${words[i]}} ;;\n"
	"\t\tesac\n"
	"\t\t((i < ${#words[@]} - 1)) && last=\n"
	"\tdone\n"
	"\tcase $last:$cur in\n"
	"\t-m:* | --machine:* | :machine=*)\n"
	"\t\tcandidates=$(_mmapctl_machines \"${server[@]}\") ;;\n"
	"\t-s:* | --server:*) candidates= ;;\n"
	"\t:-*) candidates='--server --machine --json --help --version' ;;\n"
	"\t:*=*) candidates=$(_mmapctl_names \"$command\" \"${cur%%=*}\") ;;\n"
	"\t*)\n"
	"\t\tcase $command in\n"
	"\t\t'') candidates=$_mmapctl_commands ;;\n"
	"\t\thelp) candidates=$_mmapctl_commands ;;\n"
	"\t\trm) candidates=$(_mmapctl_machines \"${server[@]}\") ;;\n"
	"\t\trecord | replay | run | grade | elf)\n"
	"\t\t\tmapfile -t COMPREPLY < <(compgen -f -- \"$cur\")\n"
	"\t\t\treturn ;;\n"
	"\t\t*) candidates=$(_mmapctl_params \"$command\") ;;\n"
	"\t\tesac ;;\n"
	"\tesac\n"
	"\tmapfile -t COMPREPLY < <(compgen -W \"$candidates\" -- \"${cur##*[=|]}\")\n"
	"\t[[ ${COMPREPLY[0]-} == *= ]] && compopt -o nospace 2>/dev/null\n"
	"\treturn 0\n"
	"}\n"
	"\n"
	"complete -F _mmapctl mmapctl\n";

static void print_commands(void)
{
	printf("_mmapctl_commands='help");
	for (const struct command *c = commands; c->word; c++)
		printf(" %s", c->word);
	for (const struct short_form *f = short_forms; f->word; f++)
		printf(" %s", f->word);
	for (const struct cli_method *m = cli_methods; m->name; m++)
		printf(" %s", m->name);
	printf("'\n\n");
}

/* The words that stand for a method, as the pattern of a case. */
static void print_pattern(const struct cli_method *m)
{
	const char *dot = strchr(m->name, '.');

	printf("\t%s", m->name);
	if (find_method(dot + 1) == m)
		printf(" | %s", dot + 1);
	for (const struct short_form *f = short_forms; f->word; f++)
		if (!strcmp(f->method, m->name) && strcmp(f->word, dot + 1))
			printf(" | %s", f->word);
	putchar(')');
}

static void print_params(void)
{
	printf("_mmapctl_params() {\n\tcase $1 in\n");
	for (const struct cli_method *m = cli_methods; m->name; m++) {
		print_pattern(m);
		printf(" echo '");
		for (const struct cli_param *p = m->params; p->name; p++)
			printf(" %s=", p->name);
		printf("' ;;\n");
	}
	printf("\tesac\n}\n\n");
}

static void print_names(void)
{
	printf("_mmapctl_names() {\n\tcase $1 in\n");
	for (const struct cli_method *m = cli_methods; m->name; m++) {
		print_pattern(m);
		printf(" case $2 in\n");
		for (const struct cli_param *p = m->params; p->name; p++)
			if (*p->names)
				printf("\t\t%s) echo '%s' ;;\n", p->name,
				       p->names);
		printf("\t\tesac ;;\n");
	}
	printf("\tesac\n}\n\n");
}

int completion_command(const struct cli *cli, char **args)
{
	(void)cli;
	if (args[0]) {
		fprintf(stderr, "usage: mmapctl completion\n");
		return CLI_USAGE;
	}
	printf("# bash completion for mmapctl; \"mmapctl completion\" prints it.\n");
	print_commands();
	print_params();
	print_names();
	fputs(script, stdout);
	return CLI_OK;
}
